"""The methods with a student: what it is taught, where its graph lies, and which classes it names."""

from typing import Any

import numpy as np
import pytest

from baselines.graph import SpreadingBaseline, neighbor_graphs
from baselines.representation import principal_components
from bench.judge import student as module
from bench.judge.student import FixMatchLearner, LatentStudentLearner
from bench.testing.conformance import example


class Parrot:
    """A student that sees an item as it is, and says the first class."""

    def look(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return items, np.eye(10, dtype=np.float32)[np.zeros(len(items), int)]


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def teach(*args: Any, **_: Any) -> Parrot:
        calls.append(args)
        return Parrot()

    monkeypatch.setattr(module, "teach", teach)
    return calls


def test_labels_spread_over_latents_then_over_what_the_student_sees_beside_them(taught: list[tuple[Any, ...]]) -> None:
    view, y = example().view("teachable"), example().shown(60)
    learner = LatentStudentLearner(10).fit(view.pool, y)
    teacher = SpreadingBaseline(10).fit(view.pool.graph, y)
    ((items, labeled, codes, answers),) = taught
    np.testing.assert_array_equal(items, example().source.pool)
    np.testing.assert_array_equal(codes, y[labeled])
    np.testing.assert_allclose(answers, teacher.label_distributions_)
    parts = [principal_components(view.pool.items, view.test.items, n_components=32), (view.pool.latent, view.test.latent)]
    scales = [np.sqrt(pool.var(axis=0).sum()) for pool, _ in parts]
    scales[0] /= 2
    joined = [np.hstack([part[place] / scale for part, scale in zip(parts, scales, strict=True)]) for place in (0, 1)]
    graph, test = neighbor_graphs(*joined)
    again = SpreadingBaseline(10, alpha=teacher.alpha_).fit(graph, y)
    np.testing.assert_allclose(learner.label_distributions_, again.label_distributions_, atol=1e-4)
    np.testing.assert_allclose(learner.predict_proba(view.test), again.predict_proba(test), atol=1e-4)


@pytest.mark.parametrize("learner", [LatentStudentLearner(10), FixMatchLearner(10)])
def test_one_class_needs_no_student(learner: FixMatchLearner, taught: list[tuple[Any, ...]]) -> None:
    view = example().view("teachable")
    learner.fit(view.pool, example().shown(5, range(3, 4)))
    assert taught == []
    assert set(learner.transduction_) == set(learner.predict(view.test)) == {3}
