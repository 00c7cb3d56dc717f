"""One cell to one outcome: what is shown, what is scored, and what failure looks like."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
import pytest

from bench.data.dataset import Dataset
from bench.judge.judging import judge
from bench.judge.methods import METHODS, Method, select_methods
from bench.judge.metrics import accuracy, macro_accuracy
from bench.judge.representations import REPRESENTATIONS, Source
from bench.plan.budgets import Budget
from bench.plan.cells import Cell, ModelKey
from bench.plan.samplers import labeled_items
from gmvae.posteriors import Encoded

CELL = Cell("probe", Budget(40, "40"), "random", 3, None)


class Probe:
    """Remembers what it was shown; answers with the true class of the first half of the pool, and 0 elsewhere."""

    seen: dict[str, Any]

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.seen = {}

    def fit(self, x: Any, y: np.ndarray) -> Self:  # noqa: ARG002 - the protocol's signature
        self.seen["y"] = y
        return self

    def predict(self, x: Any) -> np.ndarray:
        half = np.arange(len(x)) < len(x) // 2
        truth = self._dataset.labels if len(x) == 300 else self._dataset.test_labels
        return np.where(half, truth, 0)

    def predict_proba(self, x: Any) -> np.ndarray:
        raise NotImplementedError


def pixels(dataset: Dataset) -> Any:
    return REPRESENTATIONS["pixels"](Source(dataset.pool, dataset.test))


def test_scores_leave_shown_and_unknown_labels_out(small_dataset: Dataset) -> None:
    labels = small_dataset.labels.copy()
    labels[::7] = -1
    dataset = replace(small_dataset, labels=labels)
    probe = Probe(dataset)
    outcome = judge(CELL, Method(lambda *_: probe, "pixels", ""), pixels(dataset), dataset)
    shown = labeled_items(labels, dataset.sha256, "random", 3, 40)
    np.testing.assert_array_equal(np.flatnonzero(probe.seen["y"] >= 0), np.sort(shown))
    np.testing.assert_array_equal(probe.seen["y"][shown], labels[shown])
    rest = np.setdiff1d(np.flatnonzero(labels >= 0), shown)
    right = (rest < 150) | (labels[rest] == 0)
    assert outcome.accuracy == right.mean()
    assert outcome.accuracy_test == np.mean((np.arange(100) < 50) | (dataset.test_labels == 0))
    assert outcome.macro_accuracy == np.mean([right[labels[rest] == label].mean() for label in range(10)])
    assert outcome.classes_seen == len(set(labels[shown]))
    assert (outcome.status, outcome.clusters_covered) == ("ok", None)


@pytest.mark.parametrize("name", ["logreg", "label-spreading", "self-training", "kmeans-soft", "knn"])
def test_labels_that_are_not_shown_are_never_read(small_dataset: Dataset, name: str) -> None:
    """Poison every label that is not shown: predictions, and so scores against the true labels, must not change."""
    method = METHODS[name]
    cell = replace(CELL, method=name)
    from bench.plan.cells import ModelKey

    view = REPRESENTATIONS[method.representation](Source(small_dataset.pool, small_dataset.test, ModelKey(8, 0)))
    shown = labeled_items(small_dataset.labels, small_dataset.sha256, "random", 3, 40)
    poisoned = (small_dataset.labels + 1) % 10
    poisoned[shown] = small_dataset.labels[shown]

    class Keep(list[np.ndarray]):
        def make(self, *arguments: int) -> Any:
            learner = method.make(*arguments)
            predict = learner.predict
            fitted = self

            class Recorder:
                def fit(self, x: Any, y: np.ndarray) -> Any:
                    learner.fit(x, y)
                    return self

                def predict(self, x: Any) -> np.ndarray:
                    answer = getattr(learner, "transduction_", None) if x is view.pool else None
                    fitted.append(predict(x) if answer is None else answer)
                    return fitted[-1]

            return Recorder()

    honest, fooled = Keep(), Keep()
    # The draw of labels depends on the fingerprint, so that both must keep the same one.
    other = replace(small_dataset, labels=poisoned)
    object.__setattr__(other, "sha256", small_dataset.sha256)
    judge(cell, replace(method, make=honest.make), view, small_dataset)
    judge(cell, replace(method, make=fooled.make), view, other)
    for first, second in zip(honest, fooled, strict=True):
        np.testing.assert_array_equal(first, second)
    assert len(honest) == 2


def test_the_cost_of_a_cell_is_its_own(small_dataset: Dataset) -> None:
    class Greedy(Probe):
        def fit(self, x: Any, y: np.ndarray) -> Self:
            self.waste = np.ones(40 * 2**20, np.uint8)
            for _ in range(40):
                self.waste += 1
            return super().fit(x, y)

    def outcome(probe: type[Probe]) -> Any:
        method = Method(lambda *_: probe(small_dataset), "pixels", "")
        return judge(CELL, method, replace(pixels(small_dataset), cpu_seconds=1.5), small_dataset)

    greedy, frugal = outcome(Greedy), outcome(Probe)
    assert 40 * 2**20 <= greedy.peak_bytes < 60 * 2**20
    assert frugal.peak_bytes < 10 * 2**20
    assert greedy.cpu_seconds > frugal.cpu_seconds >= 0
    assert greedy.view_cpu_seconds == 1.5


def test_a_view_costs_what_its_parent_costs_too(small_dataset: Dataset) -> None:
    source = Source(small_dataset.pool, None)
    parent = REPRESENTATIONS["pca"](source)
    assert parent.cpu_seconds > 0
    assert REPRESENTATIONS["pixel-graph"](source, replace(parent, cpu_seconds=100.0)).cpu_seconds > 100


def test_whatever_a_method_raises_is_an_outcome(small_dataset: Dataset) -> None:
    def broken(*_: int) -> Any:
        raise KeyError("gone")

    outcome = judge(CELL, Method(broken, "pixels", ""), pixels(small_dataset), small_dataset)
    assert outcome.status == "failed"
    assert outcome.accuracy is None
    assert outcome.error is not None
    assert outcome.error.startswith("KeyError: 'gone' (test_judging.py:")


def test_metrics_of_nothing_are_nothing() -> None:
    nothing = np.array([], int)
    assert accuracy(nothing, nothing) is None
    assert macro_accuracy(nothing, nothing) is None


def test_macro_accuracy_weighs_classes_alike() -> None:
    truth, predicted = np.array([0, 0, 0, 2]), np.array([0, 0, 1, 1])
    assert accuracy(predicted, truth) == 0.5
    assert macro_accuracy(predicted, truth) == pytest.approx((2 / 3 + 0) / 2)


def test_methods_are_selected_by_name_in_the_order_asked() -> None:
    assert list(select_methods(("xgboost", "soft"))) == ["xgboost", "soft"]
    with pytest.raises(ValueError, match="did you mean 'xgboost'"):
        select_methods(("xgbost",))


def test_joint_views_hold_latent_means_and_principal_components_of_equal_weight(small_dataset: Dataset) -> None:
    random = np.random.default_rng(0)
    pool, test = (Encoded(np.eye(5, dtype=np.float32)[random.integers(5, size=n)], _latent(n, random)) for n in (300, 100))
    source = Source(small_dataset.pool, small_dataset.test, ModelKey(5, 0), (pool, test))
    view, components = REPRESENTATIONS["joint"](source), REPRESENTATIONS["pca"](source)
    assert view.pool.shape == (300, 7 + components.pool.shape[1])
    assert view.pool[:, :7].var(axis=0).sum() == pytest.approx(1, rel=1e-4)
    assert view.pool[:, 7:].var(axis=0).sum() == pytest.approx(1, rel=1e-4)
    assert view.test is not None
    # Held-out items are scaled by the pool.
    np.testing.assert_allclose(view.test[:, :7] / test.latent, view.pool[0, 0] / pool.latent[0, 0], rtol=1e-4)
    assert REPRESENTATIONS["joint"](replace(source, test=None, encoded=(pool, None))).test is None
    graph = REPRESENTATIONS["joint-graph"](source)
    assert (len(graph.pool), len(graph.test)) == (300, 100)


def _latent(n: int, random: np.random.Generator) -> np.ndarray:
    return (30 * random.normal(size=(n, 7))).astype(np.float32)


def test_principal_components_of_embeddings_are_of_the_vectors_as_they_are() -> None:
    x = np.random.default_rng(0).normal(size=(400, 200)).astype(np.float32)
    x[:, 0] *= 0.01
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    view = REPRESENTATIONS["pca"](Source(x, None))
    assert view.pool.shape == (400, 128)
    # What is left of the squared distances between items: nearly all, and nothing of it by the feature that hardly varies.
    assert 0.8 < view.pool.var(axis=0).sum() / x.var(axis=0).sum() < 1
    assert REPRESENTATIONS["pca"](Source(2 * x, None)).pool.shape == (400, 40)
