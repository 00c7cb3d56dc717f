"""The methods with a student: what it is taught, where its graph lies, and which classes it names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from baselines.graph import SpreadingBaseline, neighbor_graphs
from baselines.representation import fit_components
from bench.judge import student as module
from bench.judge.student import FixMatchLearner, LatentStudentLearner
from bench.testing.conformance import example


class Parrot:
    """A student that sees an item as it is, and says the first class of most."""

    def look(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return items, np.tile(np.float32([0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0, 0]), (len(items), 1))


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def teach(*args: Any, renew: Callable[[Any], np.ndarray] | None = None, **_: Any) -> Parrot:
        calls.append((*args, renew and renew(Parrot())))
        return Parrot()

    monkeypatch.setattr(module, "teach", teach)
    return calls


def test_labels_spread_over_latents_then_over_what_the_student_sees_beside_them(taught: list[tuple[Any, ...]]) -> None:
    view, y = example().view("teachable"), example().shown(60)
    learner = LatentStudentLearner(10).fit(view.pool, y)
    teacher = SpreadingBaseline(10).fit(view.pool.graph, y)
    ((items, labeled, codes, answers, renewed),) = taught
    np.testing.assert_array_equal(items, example().source.pool)
    np.testing.assert_array_equal(codes, y[labeled])
    np.testing.assert_allclose(answers, teacher.label_distributions_)
    project = fit_components(view.pool.items, n_components=32)
    parts = [(project(view.pool.items), project(view.test.items)), (view.pool.latent, view.test.latent)]
    scales = [np.sqrt(pool.var(axis=0).sum()) for pool, _ in parts]
    scales[0] /= 2
    joined = [np.hstack([part[place] / scale for part, scale in zip(parts, scales, strict=True)]) for place in (0, 1)]
    graph, test = neighbor_graphs(*joined)
    again = SpreadingBaseline(10, alpha=teacher.alpha_).fit(graph, y)
    # While the student learns it hears what spreading over both says; the result is the geometric mean of all three.
    np.testing.assert_allclose(renewed, again.label_distributions_, atol=1e-4)
    for said, first, last in (
        (learner.label_distributions_, teacher.label_distributions_, again.label_distributions_),
        (learner.predict_proba(view.test), teacher.predict_proba(view.test.graph), again.predict_proba(test)),
    ):
        mean = np.cbrt(np.prod([np.maximum(part, 1e-6) for part in (first, Parrot().look(last)[1], last)], axis=0))
        np.testing.assert_allclose(said, mean / mean.sum(axis=1, keepdims=True), atol=1e-3)


@pytest.mark.parametrize("learner", [LatentStudentLearner(10), FixMatchLearner(10)])
def test_one_class_needs_no_student(learner: FixMatchLearner, taught: list[tuple[Any, ...]]) -> None:
    view = example().view("teachable")
    learner.fit(view.pool, example().shown(5, range(3, 4)))
    assert taught == []
    assert set(learner.transduction_) == set(learner.predict(view.test)) == {3}
