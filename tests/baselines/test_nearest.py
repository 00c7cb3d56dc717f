"""The quick search for neighbours, against the exact one."""

import numpy as np
import pytest

from baselines import nearest
from baselines.nearest import CellIndex, exact_index, quick_index, smallest


@pytest.fixture(scope="module")
def pool() -> np.ndarray:
    random = np.random.default_rng(0)
    centres = 2 * random.normal(size=(30, 8))
    return (centres[random.integers(0, 30, 3000)] + random.normal(size=(3000, 8))).astype(np.float32)


def test_it_finds_nearly_all_neighbours_and_never_the_item_itself(pool: np.ndarray) -> None:
    distance, neighbor = CellIndex(10).fit(pool).kneighbors()
    truth = exact_index(pool, 10).kneighbors()[1]
    assert np.mean([len(set(mine) & set(true)) for mine, true in zip(neighbor, truth, strict=True)]) > 9
    assert (neighbor != np.arange(len(pool))[:, None]).all()
    assert (np.diff(distance, axis=1) >= 0).all()
    np.testing.assert_allclose(distance, np.linalg.norm(pool[:, None] - pool[neighbor], axis=2), rtol=1e-4)


def test_new_items_may_be_items_of_the_pool(pool: np.ndarray) -> None:
    distance, neighbor = CellIndex(3).fit(pool).kneighbors(pool[:50])
    assert (neighbor[:, 0] == np.arange(50)).all()
    np.testing.assert_array_equal(distance[:, 0], 0)


def test_all_cells_are_all_neighbours(pool: np.ndarray) -> None:
    distance, neighbor = CellIndex(5, probes=1000).fit(pool).kneighbors()
    true_distance, truth = exact_index(pool, 5).kneighbors()
    assert (neighbor == truth).mean() > 0.999
    np.testing.assert_allclose(distance, true_distance, rtol=1e-4)


def test_cells_with_too_few_items_look_at_all() -> None:
    pool = np.concatenate([np.zeros((1, 2)), 10 + np.random.default_rng(0).normal(size=(99, 2))]).astype(np.float32)
    _, neighbor = CellIndex(10, probes=1).fit(pool).kneighbors()
    _, truth = exact_index(pool, 10).kneighbors()
    assert set(neighbor[0]) == set(truth[0])


def test_far_from_the_origin_copies_are_at_distance_0_and_others_where_they_are(pool: np.ndarray) -> None:
    far = np.concatenate([pool[:2000], pool[:1000]]) + np.float32(500)
    distance, neighbor = CellIndex(3).fit(far).kneighbors()
    assert (neighbor[:1000, 0] == np.arange(2000, 3000)).mean() > 0.999
    np.testing.assert_array_equal(distance[:1000, 0], 0)
    true = np.linalg.norm(far[:, None].astype(np.float64) - far[neighbor], axis=2)
    np.testing.assert_allclose(distance, true, rtol=1e-3, atol=1e-4)


def test_a_cell_that_holds_most_items_is_searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    pool = np.concatenate([np.ones((2000, 4)), random.normal(size=(500, 4)) * 50]).astype(np.float32)
    whole = CellIndex(5).fit(pool).kneighbors()
    held: list[int] = []

    def spy(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        held.append(len(a) * len(b))
        return rank(a, b)

    rank = nearest._ranking_distances
    monkeypatch.setattr(nearest, "_ranking_distances", spy)
    monkeypatch.setattr(nearest, "_HELD", 100_000)
    parts = CellIndex(5).fit(pool).kneighbors()
    assert max(held) <= 200_000
    np.testing.assert_allclose(parts[0], whole[0], atol=1e-5)
    assert (parts[0][:2000] == 0).all()


@pytest.mark.parametrize(("width", "k"), [(7, 3), (160, 10), (161, 9), (1_000, 15), (1_003, 1), (4_096, 31), (5, 5)])
def test_the_smallest_values_of_rows(width: int, k: int) -> None:
    values = np.random.default_rng(width).normal(size=(40, width)).astype(np.float32)
    values[::3, ::5] = np.inf
    # Ties, also with the k-th.
    values[::4] = np.round(values[::4])
    places = smallest(values, k)
    assert places.shape == (40, k)
    assert all(len(set(row)) == k for row in places)
    np.testing.assert_array_equal(np.sort(np.take_along_axis(values, places, axis=1)), np.sort(values)[:, :k])


def test_only_large_pools_are_searched_quickly(pool: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(quick_index(pool, 5), CellIndex)
    monkeypatch.setattr(nearest, "_MANY", 100)
    assert isinstance(quick_index(pool, 5), CellIndex)
