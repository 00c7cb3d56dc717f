"""The continued learning curve: against curves that are known, and a slow sum over its grid."""

import math

import numpy as np
import pytest

from bench.stats import learning_curve as module
from bench.stats.learning_curve import REACH, LearningCurve, Tried, corrected_for_choice


def answers(error: float, power: float, floor: float, n: int, each: int, worth: float = 1.0) -> list[Tried]:
    """What learners of a known curve tell on average."""

    def tried(share: float) -> Tried:
        at = error * (floor + (1 - floor) * share**-power)
        return Tried(share * n, (1 - at) * each * worth, each * worth)

    return [tried(share) for share in (0.25, 0.5, 0.8)]


def largest(score: np.ndarray) -> int:
    return int(score.sum(axis=1).argmax())


def test_much_evidence_gives_the_curve_back() -> None:
    curve = LearningCurve(answers(0.2, 0.5, 0.2, 200, 200_000), 200)
    for times in (1, 2, 4):
        true = 1 - 0.2 * (0.2 + 0.8 * times**-0.5)
        found = curve.accuracy(200 * times)
        assert found.mean == pytest.approx(true, abs=0.02)
        assert found.ci_low <= true + 0.005
        assert found.ci_high >= true - 0.005


def test_little_evidence_says_so() -> None:
    sure, unsure = (LearningCurve(answers(0.3, 0.4, 0.1, 40, each), 40).accuracy(80) for each in (4000, 20))
    assert unsure.ci_high - unsure.ci_low > 4 * (sure.ci_high - sure.ci_low)


def test_the_posterior_is_the_sum_over_all_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ERRORS", np.array([0.1, 0.2, 0.4]))
    monkeypatch.setattr(module, "_POWERS", np.array([0.3, 0.9]))
    monkeypatch.setattr(module, "_FLOORS", np.array([0.0, 0.5]))
    tried = [Tried(10, 6, 9), Tried(30, 8, 10)]
    curve = LearningCurve(tried, 40)
    mass: dict[float, float] = {}
    for error in (0.1, 0.2, 0.4):
        for power in (0.3, 0.9):
            for floor in (0.0, 0.5):

                def at(m: float, error: float = error, power: float = power, floor: float = floor) -> float:
                    return min(error * (floor + (1 - floor) * (m / 40) ** -power), 0.999)

                log = 0.5 * math.log(error / (1 - error)) + sum(
                    0.5 * ((t.n - t.right) * math.log(at(t.n_labeled)) + t.right * math.log(1 - at(t.n_labeled))) for t in tried
                )
                mass[at(80)] = mass.get(at(80), 0) + math.exp(log)
    total, sums = sum(mass.values()), 0.0
    quantiles = []
    for value in sorted(1 - error for error in mass):
        sums += next(weight for error, weight in mass.items() if 1 - error == value) / total
        quantiles.append((sums, value))
    median = next(value for sums, value in quantiles if sums >= 0.5)
    assert curve.accuracy(80).mean == pytest.approx(median)


def test_targets_are_reached_where_the_curve_crosses_them() -> None:
    error = float(module._ERRORS[123])
    curve = LearningCurve(answers(error, float(module._POWERS[4]), 0.0, 100, 1_000_000), 100)
    # Half of the error takes 2^(1 / power) times the labels.
    needed = curve.needed(1 - error / 2)
    assert needed.likely == pytest.approx(100 * 2 ** (1 / module._POWERS[4]), rel=0.05)
    assert needed.low <= needed.likely <= needed.high
    assert curve.needed(0.5).likely == 100
    assert curve.needed(0.9999).likely is None


def test_a_few_right_answers_leave_room_for_errors() -> None:
    curve = LearningCurve([Tried(8, 10, 10)], 10)
    # Beta(1/2, 1/2 + 10/2): its median and its upper end.
    assert 1 - curve.accuracy(10).mean == pytest.approx(0.045, abs=0.02)
    assert curve.accuracy(10).ci_low < 0.75
    assert curve.chance(20, 0.01) > 0.25
    many = LearningCurve([Tried(800, 1000, 1000)], 1000)
    assert many.chance(2000, 0.01) < 0.01


def test_the_chance_of_a_gain_is_that_of_its_interval() -> None:
    curve = LearningCurve(answers(0.3, 0.4, 0.1, 100, 60), 100)
    gain = curve.gain(200)
    assert curve.chance(200, gain.mean) == pytest.approx(0.5, abs=0.02)
    assert curve.chance(200, gain.ci_low) == pytest.approx(0.975, abs=0.01)
    assert curve.chance(200, gain.ci_high) == pytest.approx(0.025, abs=0.01)


def test_what_is_flat_gains_nothing() -> None:
    curve = LearningCurve([Tried(share * 400, 0.9 * 5000, 5000) for share in (0.25, 0.5, 0.8)], 400)
    assert curve.gain(800).mean < 0.01
    assert curve.accuracy(REACH * 400).mean < 0.93


def test_the_best_of_many_guessers_is_no_better_than_a_guesser() -> None:
    rng = np.random.default_rng(0)
    naive, fair = [], []
    for seed in range(40):
        right = rng.random((20, 50)) < 0.5
        naive.append(right.mean(axis=1).max())
        fair.append(corrected_for_choice(right, right.astype(float), largest, n_draws=100, seed=seed))
    assert np.mean(naive) > 0.6
    assert np.mean(fair) == pytest.approx(0.5, abs=0.02)


def test_one_clearly_better_candidate_keeps_what_it_told() -> None:
    right = np.stack([np.arange(100) % 10 > 0, np.arange(100) % 10 > 7])
    assert corrected_for_choice(right, right.astype(float), largest) == pytest.approx(0.9, abs=0.01)
