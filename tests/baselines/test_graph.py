import numpy as np
import pytest
from scipy import sparse

from baselines.graph import NeighborGraph, SpreadingBaseline, neighbor_graphs


def test_spreading_reaches_the_closed_form() -> None:
    """Zhou et al. 2004, eq. 4: F* = (1 - a) (I - a S)^-1 Y; then each column is scaled to the class's share of the labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    graph, _ = neighbor_graphs(x)
    y = np.full(60, -1)
    y[:9] = [0, 0, 0, 0, 1, 1, 1, 2, 2]
    alpha = 0.9
    learner = SpreadingBaseline(3, alpha=alpha, max_iter=2_000, tol=1e-9).fit(graph, y)
    start = np.zeros((60, 3))
    start[np.arange(9), y[:9]] = 1
    field = (1 - alpha) * np.linalg.solve(np.eye(60) - alpha * graph.weights.toarray().astype(float), start)
    scaled = field * (np.array([5, 4, 3]) / 12) / field.sum(axis=0)
    np.testing.assert_array_equal(learner.transduction_, scaled.argmax(axis=1))
    np.testing.assert_allclose(learner.field_, scaled, rtol=1e-3, atol=1e-7)


def test_graph_is_symmetric_and_normalised() -> None:
    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    graph, test = neighbor_graphs(x, x[:5] + 0.01)
    s = graph.weights.toarray()
    np.testing.assert_allclose(s, s.T, atol=1e-7)
    assert np.abs(np.linalg.eigvalsh(s)).max() == pytest.approx(1, abs=1e-5)
    assert (np.diagonal(s) == 0).all()
    assert test is not None
    np.testing.assert_allclose(test.weights.sum(axis=1), 1, atol=1e-5)


def test_duplicates_do_not_break_the_graph() -> None:
    x = np.repeat(np.eye(3, dtype=np.float32), 15, axis=0)
    graph, _ = neighbor_graphs(x)
    assert np.isfinite(graph.weights.data).all()
    y = np.full(45, -1)
    y[[0, 15, 30]] = [0, 1, 2]
    np.testing.assert_array_equal(SpreadingBaseline(3).fit(graph, y).transduction_, np.repeat([0, 1, 2], 15))


def test_an_item_that_no_label_reaches_gets_the_commonest_class() -> None:
    graph = NeighborGraph(sparse.csr_array(np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], np.float32)))
    y = np.array([1, 1, -1, -1])
    np.testing.assert_array_equal(SpreadingBaseline(3).fit(graph, y).transduction_, [1, 1, 1, 1])


def test_two_moons_are_told_apart_by_one_label_each() -> None:
    t = np.linspace(0, np.pi, 100)
    upper, lower = np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)]
    graph, _ = neighbor_graphs(np.concatenate([upper, lower]).astype(np.float32))
    y = np.full(200, -1)
    y[[0, 150]] = [0, 1]
    learner = SpreadingBaseline(2, max_iter=5_000).fit(graph, y)
    assert (learner.transduction_ == np.repeat([0, 1], 100)).mean() == 1


def test_the_compact_graph_is_the_graph_in_another_order_to_the_bit() -> None:
    random = np.random.default_rng(3)
    graph, _ = neighbor_graphs(random.normal(size=(200, 3)).astype(np.float32))
    compact, order = graph.compact
    assert sorted(order) == list(range(200))
    np.testing.assert_array_equal(compact.toarray(), graph.weights.toarray()[np.ix_(order, order)])
    field = random.random((200, 4)).astype(np.float32)
    np.testing.assert_array_equal(compact @ field[order], (graph.weights @ field)[order])
    # That is what it is for: neighbours are nearer to each other than they were.
    far = [np.abs(np.subtract(*matrix.nonzero())).mean() for matrix in (graph.weights, compact)]
    assert far[1] < far[0] / 2


def test_spreading_is_zhou_s_iteration() -> None:
    random = np.random.default_rng(4)
    graph, _ = neighbor_graphs(random.normal(size=(150, 2)).astype(np.float32))
    y = np.where(np.arange(150) % 11 == 0, np.arange(150) % 3, -1)
    start = np.where(y[:, None] == np.arange(3), 1.0, 0.0)
    field = start
    for _ in range(100):
        field = 0.99 * graph.weights.toarray().astype(float) @ field + 0.01 * start
    share = (np.bincount(y[y >= 0]) + 1) / (np.bincount(y[y >= 0]) + 1).sum()
    scaled = field * share / field.sum(axis=0)
    found = SpreadingBaseline(3, max_iter=100, tol=0).fit(graph, y)
    np.testing.assert_allclose(found.label_distributions_, scaled / scaled.sum(axis=1, keepdims=True), rtol=1e-3)
