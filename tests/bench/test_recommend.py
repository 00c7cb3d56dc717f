"""`recommend`: the choice, what is said to be expected, and what is said where nothing can be known."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.judge.chosen import try_hidden
from bench.labelling import recommend as module
from bench.labelling.given import GivenLabels
from bench.labelling.recommend import ALL, Recommendation, _outlook, recommend, see
from bench.labelling.recommended import _needed, advice, tell_recommendation
from bench.labelling.workplace import Workplace
from bench.plan.cells import ModelKey
from bench.stats.learning_curve import LearningCurve, Needed, Tried
from bench.testing.conformance import example

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def workplace() -> Workplace:
    shown = example()
    return Workplace(Path("run"), replace(shown.dataset, test=None, test_labels=None), ModelKey(12, 0), (shown.encoded, None))


def given(n: int, sampler: str = "random") -> GivenLabels:
    dataset = example().dataset
    items = np.flatnonzero(example().shown(n) >= 0)
    return GivenLabels(items, dataset.labels[items], dataset.class_names, (sampler,) * n)


@pytest.fixture(scope="module")
def found(workplace: Workplace) -> Recommendation:
    return recommend(workplace, given(60), target=0.5)


def test_the_first_method_that_tells_hidden_labels_about_as_well_as_the_best_is_named(
    workplace: Workplace, found: Recommendation
) -> None:
    views, labels = see(workplace), given(60)
    scores = {
        name: try_hidden(one, views, workplace.known_with(labels), np.sort(labels.items), 10).score for name, one in ALL.items()
    }
    best = max(scores.values(), key=np.sum)
    assert found.method == next(
        name for name, score in scores.items() if (best - score).sum() <= ((best - score) ** 2).sum() ** 0.5
    )
    others = [scores[choice.name].sum() for choice in found.choices[1:]]
    assert others == sorted(others, reverse=True)
    assert {choice.name for choice in found.choices} == set(ALL)


def test_the_accuracy_to_expect_is_near_what_is_so(workplace: Workplace, found: Recommendation) -> None:
    y, view = workplace.known_with(given(60)), see(workplace)[ALL[found.method].representation]
    learner = ALL[found.method].make(10, 1, 0).fit(view, y)
    said = getattr(learner, "transduction_", None)
    said = learner.predict(view) if said is None else said
    truth = (said[y < 0] == example().dataset.labels[y < 0]).mean()
    assert found.outlook is not None
    assert found.outlook.accuracy.ci_low <= truth <= found.outlook.accuracy.ci_high


def told_of(found: Recommendation, workplace: Workplace, labels: GivenLabels, options: str = "") -> str:
    out = io.StringIO()
    tell_recommendation(found, workplace, labels, options, None, 0.01, Console(file=out, width=100))
    return out.getvalue()


def test_chosen_labels_name_a_method_but_no_accuracy(workplace: Workplace) -> None:
    found = recommend(workplace, given(40, "coverage"))
    assert found.outlook is None
    said = told_of(found, workplace, given(40, "coverage"), " --labels labels.csv")
    assert f"use {found.method}" in said
    assert "with 0 labelled items drawn at random, fewer than 10; chosen ones, told or not above, say little" in said
    assert "select run --labels labels.csv --n 0 --audit 50" in said


def test_a_few_random_labels_are_not_called_chosen(workplace: Workplace) -> None:
    labels = given(9)
    said = told_of(recommend(workplace, labels), workplace, labels)
    assert "not known, with 9 labelled items drawn at random, fewer than 10.\n" in said
    assert "--allow-singletons" in said


def test_labels_of_chosen_items_are_learnt_from_but_never_told(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = given(60)
    mixed = GivenLabels(labels.items, labels.codes, labels.class_names, ("coverage",) * 40 + ("random",) * 20)
    hidden: list[np.ndarray] = []

    def spy(candidate: object, views: object, y: np.ndarray, hideable: np.ndarray, *rest: object) -> object:
        hidden.append(hideable)
        return try_hidden(candidate, views, y, hideable, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "try_hidden", spy)
    found = recommend(workplace, mixed)
    assert all(set(part) == set(labels.items[40:]) for part in hidden)
    assert found.outlook is not None
    assert found.outlook.n_drawn == 20
    # Four fifths of those drawn at random and all others; then quarters and halves of both.
    assert [(tried.n_labeled, tried.n) for tried in found.outlook.curve.tried] == [(56, 20), (15, 15), (30, 10)]


def curve_of(error: float, floor: float, n_labeled: int = 100, each: int = 1_000_000) -> LearningCurve:
    """Much evidence of e(m) = error (floor + (1 - floor) (m / n)^-1/2)."""
    shares = (0.25, 0.5, 0.8)
    right = [each * (1 - error * (floor + (1 - floor) * share**-0.5)) for share in shares]
    return LearningCurve([Tried(share * n_labeled, r, each) for share, r in zip(shares, right, strict=True)], n_labeled)


@pytest.mark.parametrize(
    ("error", "floor", "n_pool", "target", "stop", "said"),
    [
        (0.3, 0.0, 10_000, None, False, "go on: twice the labels gain 8"),
        (0.3, 0.0, 150, None, False, "go on: all 150 labels gain 5"),
        (0.02, 0.9, 10_000, None, True, "stop: twice the labels gain 0."),
        (0.3, 0.0, 10_000, 0.65, True, "65 %: reached already\nstop: the target is reached"),
        (0.3, 0.0, 10_000, 0.85, False, "85 %: about 4"),
        (0.3, 0.0, 300, 0.85, False, "85 %: more than 300 labels, which are all, or never"),
        (0.3, 0.0, 100, None, True, "stop: all items have a label"),
    ],
)
def test_the_outlook_of_known_curves(
    error: float, floor: float, n_pool: int, target: float | None, stop: bool, said: str
) -> None:
    outlook = _outlook(curve_of(error, floor), 100, n_pool, target, 0.01)
    assert outlook.stop is stop
    assert advice(outlook, n_pool, target, 0.01).startswith(said)


def test_it_does_not_say_stop_where_little_is_known() -> None:
    outlook = _outlook(LearningCurve([Tried(8, 10, 10)], 10), 10, 1000, None, 0.01)
    assert not outlook.stop
    assert "with a probability of" in advice(outlook, 1000, None, 0.01)


def test_the_command(command: Command, run_folder: Path, tmp_path: Path) -> None:
    code, output, _ = command("recommend", str(run_folder))
    assert code == 0
    assert "no labels yet" in output
    assert f"select {run_folder} --n" in output
    dataset = example().dataset
    table = tmp_path / "my labels.csv"
    rows = [f"{item},{dataset.class_names[dataset.labels[item]]},random" for item in np.flatnonzero(example().shown(60) >= 0)]
    table.write_text("\n".join(["item,label,sampler", *rows]) + "\n")
    code, output, messages = command(
        "recommend", str(run_folder), "--labels", str(table), "--target", "0.99", "--model", "k10-s0"
    )
    assert code == 0, messages
    assert "60 labels, 10 classes (k10-s0)" in output
    assert "99 %: " in output
    assert f"--labels '{table}' --model k10-s0 --method" in output


def test_what_is_needed_is_said_with_its_bounds() -> None:
    assert [
        _needed(needed, 100, n_pool)
        for needed, n_pool in (
            (Needed(300, 200, None), 10_000),
            (Needed(300, 200, None), 500),
            (Needed(100, 100, 130), 10_000),
            (Needed(None, 700, None), 10_000),
            (Needed(None, None, None), 10_000),
        )
    ] == [
        "about 300 labels in all (200 to more than 1,600)",
        "about 300 labels in all (200 to more than 500)",
        "reached already, as it seems",
        "more than 1,600 labels, or never; 700 at the least",
        "more than 1,600 labels, or never",
    ]
