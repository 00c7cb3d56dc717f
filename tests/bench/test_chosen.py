"""The method `auto`: which candidate it takes, and that it reads no label but those shown."""

from functools import partial

import numpy as np
import pytest

from baselines.hidden import first_as_good, parts_of, told
from bench.judge.chosen import CANDIDATES, ChosenLearner
from bench.judge.methods import METHODS
from bench.judge.representations import Several
from bench.testing.conformance import example


def test_candidates_are_methods_that_see_what_auto_shows_them() -> None:
    views = example().view("several").pool.views
    for name, candidate in CANDIDATES.items():
        assert METHODS[name].representation == candidate.representation
        assert candidate.representation in views
        assert type(METHODS[name].make(3, 1, 0)) is type(candidate.make(3, 1, 0))


@pytest.mark.parametrize("n_labeled", [12, 60])
def test_the_candidate_that_tells_hidden_labels_best_learns_from_all(n_labeled: int) -> None:
    y, view = example().shown(n_labeled), example().view("several")
    learner = ChosenLearner(10).fit(view.pool, y)
    labeled = np.flatnonzero(y >= 0)
    part = parts_of(y[labeled], np.random.default_rng(0))
    scores = {}
    for name, candidate in CANDIDATES.items():
        make, seen = candidate.on_trial or candidate.make, view.pool.views[candidate.representation]
        score = np.zeros(n_labeled)
        for number in range(5):
            hidden = labeled[part == number]
            fitted = make(10, 1, 0).fit(seen, np.where(np.isin(np.arange(len(y)), hidden), -1, y))
            proba = getattr(fitted, "label_distributions_", None)
            proba = fitted.predict_proba(seen[hidden]) if proba is None else proba[hidden]
            score[part == number] = [told(row[None], y[item][None]) for row, item in zip(proba, hidden, strict=True)]
        scores[name] = score
    assert learner.scores_ == pytest.approx({name: score.sum() / n_labeled for name, score in scores.items()})
    best = max(scores.values(), key=np.sum)
    good = [name for name, score in scores.items() if sum(best - score) <= sum((best - score) ** 2) ** 0.5]
    assert learner.chosen_ == good[0]
    alone = METHODS[learner.chosen_].make(10, 1, 0).fit(view.pool.views[CANDIDATES[learner.chosen_].representation], y)
    seen = view.test.views[CANDIDATES[learner.chosen_].representation]
    np.testing.assert_array_equal(learner.predict(view.test), alone.predict(seen))


def test_a_candidate_that_cannot_tell_anything_is_not_taken() -> None:
    """Noise instead of the graphs and of the joint view: what is left is the posterior."""
    view, y = example().view("several").pool, example().shown(60)
    random = np.random.default_rng(0)
    order = random.permutation(len(y))
    shuffled = dict(view.views)
    for name in ("latent-graph", "joint-graph"):
        graph = view.views[name]
        shuffled[name] = type(graph)(graph.weights[order][:, order], None)
    shuffled["joint"] = view.views["joint"][order]
    assert ChosenLearner(10).fit(Several(shuffled), y).chosen_ == "soft-shares"


def test_luck_does_not_choose() -> None:
    trusted, lucky = np.zeros(50), np.zeros(50)
    trusted[:30], lucky[:20], lucky[30:45] = 1, 1, 1
    # 35 against 30, but they differ in 25: one standard error is five labels.
    assert first_as_good(np.stack([trusted, lucky])) == 0
    lucky[45:47] = 1
    assert first_as_good(np.stack([trusted, lucky])) == 1
    assert first_as_good(np.stack([lucky, trusted])) == 0
    assert first_as_good(np.stack([trusted, trusted])) == 0


def test_hidden_labels_are_told_by_count_then_by_likelihood() -> None:
    codes = np.array([0, 1, 1])
    sure, unsure = np.eye(2)[codes], np.full((3, 2), 0.5) + 0.1 * (2 * np.eye(2)[codes] - 1)
    assert told(sure, codes) > told(unsure, codes) > 2.9
    assert told(np.eye(2)[[0, 1, 0]], codes) == pytest.approx(2 + 0.02 * (2 * np.log(0.99) + np.log(0.01)))
    part = parts_of(np.repeat([0, 1, 2], [10, 5, 5]), np.random.default_rng(1))
    assert [np.bincount(part[start:stop]).tolist() for start, stop in ((0, 10), (10, 15), (15, 20))] == [
        [2] * 5,
        [1] * 5,
        [1] * 5,
    ]


def test_bad_labels_are_refused() -> None:
    fit = partial(ChosenLearner(10).fit, example().view("several").pool)
    with pytest.raises(ValueError, match="one per item"):
        fit(np.array([0, 1]))
    with pytest.raises(ValueError, match="no item has a label"):
        fit(np.full(len(example().shown(5)), -1))
