"""Tuned baselines: tuned on the labels shown and on no others, from the paper's settings on."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from baselines import tuning
from baselines.boosting import XGBoostBaseline
from baselines.linear import LogisticBaseline
from baselines.tuning import LogisticTuned, MLPTuned, TunedClassifier, XGBoostTuned

ALL = pytest.mark.parametrize("kind", [LogisticTuned, MLPTuned, XGBoostTuned])


@pytest.fixture(autouse=True)
def few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "N_TRIALS", 4)
    monkeypatch.setattr(tuning, "_FOLDS_FEW", 3)


def labels(y: np.ndarray, n: int) -> np.ndarray:
    shown = np.full(len(y), -1)
    shown[:n] = y[:n]
    return shown


@ALL
def test_the_choice_reads_the_labels_shown_alone(kind: type[TunedClassifier], digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    shown = labels(y, 40)
    # Items without a label are poisoned: nothing of them may reach a learner that trains on labelled items.
    poisoned = x.copy()
    poisoned[40:] = np.nan
    one, other = kind(10).fit(x, shown), kind(10).fit(poisoned, shown)
    assert one.settings_ == other.settings_
    np.testing.assert_array_equal(one.predict_proba(x), other.predict_proba(x))


@ALL
def test_the_first_settings_are_the_studys(
    kind: type[TunedClassifier], digits: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "N_TRIALS", 1)
    x, y = digits
    learner = kind(10).fit(x, labels(y, 40))
    assert learner.settings_ == learner._start(40)
    for baseline in (LogisticBaseline, XGBoostBaseline):
        if baseline.__name__.removesuffix("Baseline") == kind.__name__.removesuffix("Tuned"):
            same = baseline(10).fit(x, labels(y, 40))
            np.testing.assert_allclose(learner.predict_proba(x), same.predict_proba(x), atol=1e-6)


@ALL
def test_no_choice_is_worse_in_cross_validation_than_the_study(
    kind: type[TunedClassifier], digits: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = digits[0][:50], digits[1][:50]

    def cross_validated(learner: TunedClassifier, settings: dict[str, object]) -> float:
        right = 0
        for hidden in learner._folds(50):
            part = kind(10)
            part.n_classes_, part.settings_ = 10, settings
            shown = np.delete(np.arange(50), hidden)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                super(TunedClassifier, part)._fit_on(x[shown], y[shown])
            right += int((part.predict(x[hidden]) == y[hidden]).sum())
        return right / 50

    learner = kind(10).fit(x, y)
    assert cross_validated(learner, learner.settings_) >= cross_validated(learner, learner._start(50))


@ALL
def test_hardly_any_labels_are_no_obstacle(kind: type[TunedClassifier], digits: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = digits
    assert set(kind(10).fit(x, labels(y, 1)).predict(x)) == {int(y[0])}
    assert set(kind(10).fit(x, labels(y, 3)).predict(x)) <= set(y[:3])


def test_tuning_helps(digits: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "N_TRIALS", 12)
    x, y = digits
    shown, rest = labels(y, 100), slice(100, None)
    tuned, plain = (kind(10).fit(x, shown).predict(x)[rest] == y[rest] for kind in (XGBoostTuned, XGBoostBaseline))
    assert tuned.mean() > plain.mean()
