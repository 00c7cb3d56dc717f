"""Probabilities that mean what they say: against closed forms, known temperatures and many repetitions."""

import numpy as np
import pytest

from bench.data.dataset import Dataset
from bench.judge.folds import answer
from bench.judge.representations import View
from bench.labelling.crossfit import cross_fit
from bench.stats.calibration import expected_calibration_error, fit_temperature, reliability, share_interval, tempered
from gmvae.decoding import HardDecoder, Posterior, SoftDecoder


def test_temperature_one_changes_nothing_and_others_sharpen_or_soften() -> None:
    proba = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
    np.testing.assert_allclose(tempered(proba, 1.0), proba, atol=2e-6)
    np.testing.assert_allclose(tempered(proba[:1], 0.5), proba[:1] ** 2 / (proba[:1] ** 2).sum(), atol=1e-6)
    assert tempered(proba, 5.0)[0, 0] < 0.7 < tempered(proba, 0.3)[0, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_classes_is_found(temperature: float) -> None:
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(5), 20_000)
    chances = tempered(proba, temperature).cumsum(axis=1)
    truth = (rng.random((len(proba), 1)) > chances[:, :-1]).sum(axis=1)
    assert fit_temperature(proba, truth) == pytest.approx(temperature, rel=0.05)


def test_a_few_labels_that_are_all_told_right_make_nothing_certain() -> None:
    proba = np.tile([0.6, 0.3, 0.1], (12, 1))
    warm = tempered(proba, fit_temperature(proba, np.zeros(12, int)))
    assert 0.6 < warm[0, 0] < 0.99


def test_calibration_error_by_hand() -> None:
    confidence = np.repeat([0.6, 0.9], 10)
    right = np.array([True] * 5 + [False] * 5 + [True] * 10)
    bins = reliability(confidence, right)
    assert [found.count for found in bins] == [5, 5, 5, 5]
    # Bins of 0.6: all right, none right (|0.6 - 1| and |0.6 - 0|); of 0.9: all right.
    assert expected_calibration_error(bins) == pytest.approx((5 * 0.4 + 5 * 0.6 + 10 * 0.1) / 20)


def test_probabilities_that_are_frequencies_have_next_to_no_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(50_000)
    right = rng.random(50_000) < confidence
    assert expected_calibration_error(reliability(confidence, right)) < 0.01


@pytest.fixture(scope="module")
def view(small_dataset: Dataset) -> View:
    """A posterior such as a fair model would give: soft distances to class centres."""
    pool, labels = small_dataset.pool, small_dataset.labels
    centres = np.stack([pool[labels == code].mean(0) for code in range(10)])
    distance = ((pool[:, None] - centres[None]) ** 2).sum(-1)
    q = np.exp(-0.6 * (distance - distance.min(axis=1, keepdims=True)))
    return View(Posterior((q / q.sum(axis=1, keepdims=True)).astype(np.float32)), None)


def test_the_interval_holds_the_accuracy_on_the_rest_about_as_often_as_it_says(small_dataset: Dataset, view: View) -> None:
    rng = np.random.default_rng(0)
    labels, hits, repetitions = small_dataset.labels, 0, 300
    for _ in range(repetitions):
        shown = rng.choice(len(labels), 80, replace=False)
        y = np.full(len(labels), -1)
        y[shown] = labels[shown]
        hidden = cross_fit(lambda: SoftDecoder(10), view, y, y >= 0, seed=int(rng.integers(1_000)))
        interval = share_interval(int((hidden.said == y[hidden.items]).sum()), len(hidden.items))
        said = answer(SoftDecoder(10).fit(view.pool, y), view).said
        accuracy = (said == labels)[y < 0].mean()
        hits += interval.ci_low <= accuracy <= interval.ci_high
    assert 0.91 <= hits / repetitions <= 1


def test_an_item_is_told_without_its_label_and_chosen_ones_are_never_hidden(small_dataset: Dataset, view: View) -> None:
    labels = small_dataset.labels
    y = np.full(len(labels), -1)
    y[:60] = labels[:60]
    hideable = np.zeros(len(labels), bool)
    hideable[20:60] = True
    told = cross_fit(lambda: HardDecoder(10), view, y, hideable, seed=0)
    assert sorted(told.items) == list(range(20, 60))
    for item, said, proba, fold in zip(told.items, told.said, told.proba, told.fold, strict=True):
        rest = y.copy()
        rest[told.items[told.fold == fold]] = -1
        assert (rest[:20] == y[:20]).all()
        found = HardDecoder(10).fit(view.pool, rest)
        assert said == found.predict(view.pool)[item]
        np.testing.assert_array_equal(proba, found.predict_proba(view.pool)[item])
    # Another label for the item changes nothing of what is said of it.
    y[25] = (y[25] + 1) % 10
    again = cross_fit(lambda: HardDecoder(10), view, y, hideable, seed=0)
    assert again.said[again.items == 25] == told.said[told.items == 25]
