"""`recommend`: the choice, what is said to be expected, and what is said where nothing can be known."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.judge.chosen import try_hidden
from bench.labelling import recommend as module
from bench.labelling.given import GivenLabels
from bench.labelling.recommend import ALL, Outlook, Recommendation, recommend, see
from bench.labelling.recommended import advice, tell_recommendation
from bench.labelling.workplace import Workplace
from bench.plan.cells import ModelKey
from bench.stats.intervals import Interval
from bench.stats.learning_curve import LearningCurve, Needed, Tried
from bench.testing.conformance import example


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


def test_chosen_labels_name_a_method_but_no_accuracy(workplace: Workplace) -> None:
    found = recommend(workplace, given(40, "coverage"))
    assert found.outlook is None
    out = io.StringIO()
    tell_recommendation(found, workplace, given(40, "coverage"), None, None, 0.01, Console(file=out, width=100))
    assert f"use {found.method}" in out.getvalue()
    assert "select run --n 0 --audit 50" in out.getvalue()


def test_labels_of_chosen_items_are_shown_all_along_but_never_hidden(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.parametrize(
    ("gain", "needed", "said"),
    [
        (0.001, None, "stop: twice the labels gain 0.1 points (0.0-0.2), less than the 1 that make them worth it"),
        (
            0.03,
            Needed(300, 200, None),
            "90 %: about 300 labels in all (200 to more than 1,600)\ngo on: twice the labels gain 3.0",
        ),
        (0.03, Needed(100, 100, 130), "90 %: reached already, as it seems\nstop: the target is reached"),
        (0.03, Needed(None, 700, None), "90 %: more than 1,600 labels, or never; 700 at the least\ngo on"),
        (0.03, Needed(None, None, None), "90 %: more than 1,600 labels, or never\ngo on"),
    ],
)
def test_advice(gain: float, needed: Needed | None, said: str) -> None:
    curve = LearningCurve([Tried(80, 60, 80)], 100)
    reached = needed is not None and needed.likely == 100
    spread = Interval(gain, gain - 0.001, gain + 0.001)
    outlook = Outlook(80, curve.accuracy(100), curve, needed, spread, reached or gain < 0.01)
    assert advice(outlook, None if needed is None else 0.9, 0.01).startswith(said)
