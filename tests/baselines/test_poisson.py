"""Poisson learning, against the equation solved as it is written."""

import numpy as np
import pytest

from baselines.graph import NeighborGraph, neighbor_graphs
from baselines.poisson import PoissonBaseline, PoissonMBOBaseline, _crisp


@pytest.fixture(scope="module")
def blobs() -> tuple[NeighborGraph, np.ndarray]:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 300)
    graph, _ = neighbor_graphs((1.2 * np.eye(3)[truth] + 0.5 * random.normal(size=(300, 3))).astype(np.float32))
    return graph, truth


def shown(truth: np.ndarray, n_each: int) -> np.ndarray:
    y = np.full(len(truth), -1)
    for code in range(3):
        y[np.flatnonzero(truth == code)[:n_each]] = code
    return y


def test_the_potential_solves_poissons_equation(blobs: tuple[NeighborGraph, np.ndarray]) -> None:
    graph, truth = blobs
    y = shown(truth, 2)
    root = np.sqrt(graph.degrees.astype(np.float64))
    weights = root[:, None] * graph.weights.toarray() * root
    laplacian = np.diag(weights.sum(axis=1)) - weights
    source = np.zeros((300, 3))
    source[y >= 0] = np.eye(3)[y[y >= 0]] - 1 / 3
    # The least solution, but for the constant that the decay picks: the weighted mean is zero.
    potential = np.linalg.lstsq(laplacian, source, rcond=None)[0]
    potential -= (root**2 @ potential) / (root**2).sum()
    learner = PoissonBaseline(3).fit(graph, y)
    mine, true = learner.field_, np.maximum(potential, 0)
    assert np.corrcoef(mine.ravel(), true.ravel())[0, 1] > 0.995
    assert (learner.transduction_ == potential.argmax(axis=1)).mean() > 0.98


@pytest.mark.parametrize("learner", [PoissonBaseline(3), PoissonMBOBaseline(3)])
def test_a_label_per_class_tells_most_items(learner: PoissonBaseline, blobs: tuple[NeighborGraph, np.ndarray]) -> None:
    graph, truth = blobs
    y = shown(truth, 1)
    assert (learner.fit(graph, y).transduction_ == truth)[y < 0].mean() > 0.75


def test_threshold_dynamics_keep_the_sizes_of_the_classes(blobs: tuple[NeighborGraph, np.ndarray]) -> None:
    graph, truth = blobs
    learner = PoissonMBOBaseline(3).fit(graph, shown(truth, 2))
    counts = np.bincount(learner.transduction_, minlength=3)
    np.testing.assert_allclose(counts, 300 * learner.share_, atol=8)


def test_threshold_dynamics_say_how_sure_they_are(blobs: tuple[NeighborGraph, np.ndarray]) -> None:
    graph, truth = blobs
    learner = PoissonMBOBaseline(3).fit(graph, shown(truth, 2))
    sure = learner.label_distributions_.max(axis=1)
    np.testing.assert_allclose(learner.label_distributions_.sum(axis=1), 1, atol=1e-5)
    right = learner.transduction_ == truth
    assert 1 / 3 < sure.min() < 0.6
    assert sure[right].mean() > sure[~right].mean() + 0.05


def test_sizes_are_met_where_they_can_be_and_absent_classes_stay_away() -> None:
    field = np.random.default_rng(0).random((1000, 4)).astype(np.float32)
    sizes = np.array([500, 300, 200, 0])
    inside = np.ones(1000, bool)
    counts = _crisp(field, sizes, inside).sum(axis=0)
    np.testing.assert_allclose(counts, sizes, atol=10)
    assert counts[3] == 0
    inside[:100] = False
    assert not _crisp(field, sizes, inside)[:100].any()


def test_a_graph_without_degrees_is_refused(blobs: tuple[NeighborGraph, np.ndarray]) -> None:
    graph, truth = blobs
    with pytest.raises(ValueError, match="degrees"):
        PoissonBaseline(3).fit(NeighborGraph(graph.weights, graph.points), shown(truth, 2))
