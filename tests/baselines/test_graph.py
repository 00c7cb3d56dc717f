import numpy as np
import pytest
from scipy import sparse

from baselines.graph import ALPHAS, NeighborGraph, SpreadingBaseline, neighbor_graphs, spread
from baselines.hidden import parts_of


def test_spreading_is_the_closed_form_for_every_alpha() -> None:
    """Zhou et al. 2004, eq. 4: F* = (1 - a) (I - a S)^-1 Y."""
    graph, _ = neighbor_graphs(np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32))
    start = np.eye(150, 4, dtype=np.float32)
    s = graph.weights.toarray().astype(float)
    rows = np.array([3, 140, 7])
    for alpha, field, some in zip(
        ALPHAS, spread(graph.weights, start, ALPHAS), spread(graph.weights, start, ALPHAS, rows=rows), strict=True
    ):
        exact = (1 - alpha) * np.linalg.solve(np.eye(150) - alpha * s, start)
        np.testing.assert_allclose(field, exact, atol=3e-6 * exact.max())
        np.testing.assert_array_equal(some, field[rows])


def test_spreading_is_zhou_s_iteration() -> None:
    graph, _ = neighbor_graphs(np.random.default_rng(4).normal(size=(60, 3)).astype(np.float32))
    start = np.eye(60, 2, dtype=np.float32)
    field = start.astype(float)
    for _ in range(2_000):
        field = 0.99 * graph.weights.toarray().astype(float) @ field + 0.01 * start
    np.testing.assert_allclose(spread(graph.weights, start, [0.99])[0], field, atol=1e-6)


def test_each_column_is_scaled_to_the_share_of_its_class_among_the_labels_and_five_more() -> None:
    graph, _ = neighbor_graphs(np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32))
    y = np.full(60, -1)
    y[:9] = [0, 0, 0, 0, 1, 1, 1, 3, 3]
    learner = SpreadingBaseline(4, alpha=0.9).fit(graph, y)
    start = np.zeros((60, 4))
    start[np.arange(9), y[:9]] = 1
    field = 0.1 * np.linalg.solve(np.eye(60) - 0.9 * graph.weights.toarray().astype(float), start)
    # Class 2 has no label: no share is kept for it.
    scaled = field * (np.array([9, 8, 0, 7]) / 24) / np.maximum(field.sum(axis=0), 1e-9)
    np.testing.assert_array_equal(learner.transduction_, scaled.argmax(axis=1))
    np.testing.assert_allclose(learner.field_, scaled, rtol=1e-3, atol=1e-7)
    assert learner.predict_proba(graph)[:, 2].max() == 0


def test_alpha_is_the_largest_that_tells_hidden_labels_about_as_well_as_the_best() -> None:
    """The slow way: a spreading of its own for every alpha and every part that is hidden."""
    random = np.random.default_rng(1)
    truth = np.arange(300) % 3
    graph, _ = neighbor_graphs((np.eye(3)[truth] + 0.5 * random.normal(size=(300, 3))).astype(np.float32))
    y = np.full(300, -1)
    y[:200] = truth[:200]
    learner = SpreadingBaseline(3).fit(graph, y)
    weights, order = graph.compact
    rows = np.argsort(order)[:200]
    part = parts_of(y[:200], np.random.default_rng(0))
    scores = []
    for alpha in ALPHAS:
        score = 0.0
        for number in range(5):
            shown = y.copy()
            shown[:200][part == number] = -1
            told = SpreadingBaseline(3, alpha=alpha).fit(graph, shown).label_distributions_[:200][part == number]
            own = told[np.arange(len(told)), y[:200][part == number]]
            score += (told.argmax(axis=1) == y[:200][part == number]).sum() + 0.02 * np.log(0.98 * own + 0.02 / 3).sum()
        scores.append(score)
    assert len(set(np.round(scores, 3))) > 1
    assert learner.alpha_ == next(alpha for alpha, score in zip(ALPHAS, scores, strict=True) if score >= max(scores) - 1)
    assert learner.alpha_ not in (ALPHAS[0], ALPHAS[int(np.argmax(scores))])
    assert sorted(np.bincount(part)) == [40] * 5
    assert weights.shape == (300, 300)
    assert (order[rows] == np.arange(200)).all()


def test_labels_of_one_class_spread_without_a_choice() -> None:
    graph, _ = neighbor_graphs(np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32))
    y = np.full(40, -1)
    y[:6] = 1
    assert (SpreadingBaseline(3).fit(graph, y).transduction_ == 1).all()
    y[1:6] = -1
    y[1] = 2
    assert set(SpreadingBaseline(3).fit(graph, y).transduction_) == {1, 2}


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


def test_an_item_that_no_label_reaches_takes_the_class_of_the_nearest_labelled_one() -> None:
    pairs = sparse.csr_array(np.kron(np.eye(3, dtype=np.float32), np.array([[0, 1], [1, 0]], np.float32)))
    y = np.array([1, 1, 1, -1, -1, -1])
    y[2] = 0
    points = np.array([[0], [1], [5], [6], [9], [2]], np.float32)
    learner = SpreadingBaseline(2).fit(NeighborGraph(pairs, points), y)
    np.testing.assert_array_equal(learner.transduction_, [1, 1, 0, 0, 0, 1])
    np.testing.assert_allclose(learner.label_distributions_.sum(axis=1), 1)
    new = NeighborGraph(sparse.csr_array((2, 6), dtype=np.float32), np.array([[-3], [7]], np.float32))
    np.testing.assert_array_equal(learner.predict(new), [1, 0])
    # Where nobody knows positions: the commonest class.
    np.testing.assert_array_equal(SpreadingBaseline(2).fit(NeighborGraph(pairs), y).transduction_[4:], [1, 1])


def test_two_moons_are_told_apart_by_one_label_each() -> None:
    t = np.linspace(0, np.pi, 100)
    upper, lower = np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)]
    graph, _ = neighbor_graphs(np.concatenate([upper, lower]).astype(np.float32))
    y = np.full(200, -1)
    y[[0, 150]] = [0, 1]
    learner = SpreadingBaseline(2).fit(graph, y)
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
