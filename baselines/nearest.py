"""Nearest neighbours in a pool: exact in small ones, and in large ones searched for where they mostly lie."""

from typing import Protocol, Self

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import MiniBatchKMeans
from sklearn.neighbors import NearestNeighbors

# From this many items on the search pays; below it the exact one takes a second or two.
_MANY = 20_000
# Cells that are searched for each item. On letters 16 hold 98 % of its ten nearest neighbours and 64 hold 99.7 %: the few links
# that 16 miss, mostly between clusters, cost label spreading 0.8 points with 73 labels.
_PROBES = 64
# Values of a row that are folded into one, to look for the smallest ones.
_STRIP = 16
# Distances held at a time, 64 MiB of them: where most items are alike one cell may hold them all.
_HELD = 2**24

Neighbors = tuple[Float[np.ndarray, "m k"], Int[np.ndarray, "m k"]]


class NeighborIndex(Protocol):
    """Answers as `sklearn.neighbors.NearestNeighbors` does."""

    def kneighbors(self, x: np.ndarray | None = None) -> Neighbors:
        """Return distances to the nearest items of the pool, rising, and these items; without `x` of its own items to others."""
        ...


def exact_index(pool: Float[np.ndarray, "n d"], n_neighbors: int, n_jobs: int = 1) -> NeighborIndex:
    """Return an index that misses no neighbour."""
    index: NeighborIndex = NearestNeighbors(n_neighbors=n_neighbors, n_jobs=n_jobs).fit(pool)
    return index


def quick_index(pool: Float[np.ndarray, "n d"], n_neighbors: int, n_jobs: int = 1) -> NeighborIndex:
    """Return an index that may miss a few neighbours in a large pool, in a tenth of the time."""
    if len(pool) < _MANY:
        return exact_index(pool, n_neighbors, n_jobs)
    return CellIndex(n_neighbors).fit(pool)


class CellIndex:
    """Cuts the pool into cells around sqrt(n) centres, and looks into those nearest to each item.

    An inverted file (Jégou et al. 2011). Items of one cell share their candidates, so that nearly all of the work is one matrix
    product per cell.

    Parameters
    ----------
    n_neighbors
        k.
    probes
        Cells to look into.
    """

    def __init__(self, n_neighbors: int, probes: int = _PROBES, random_state: int = 0) -> None:
        self.n_neighbors = n_neighbors
        self.probes = probes
        self.random_state = random_state

    def fit(self, pool: Float[np.ndarray, "n d"]) -> Self:
        """Cut the pool into cells."""
        # Far from the origin, squared distances would be small differences of large numbers.
        self._mean = pool.mean(axis=0, dtype=np.float64)
        self._pool = self._centred(pool)
        n_cells = max(1, int(np.sqrt(len(pool))))
        centres = MiniBatchKMeans(n_cells, n_init=1, random_state=self.random_state, batch_size=4096, max_iter=3).fit(self._pool)
        self._centres = centres.cluster_centers_.astype(np.float32)
        self._cell = _nearest(self._pool, self._centres)
        self._members = np.split(
            np.argsort(self._cell, kind="stable"), np.cumsum(np.bincount(self._cell, minlength=n_cells))[:-1]
        )
        apart = _ranking_distances(self._centres, self._centres)
        self._near = np.argsort(apart, axis=1, kind="stable")[:, : self.probes]
        return self

    def kneighbors(self, x: Float[np.ndarray, "m d"] | None = None) -> Neighbors:
        """Return distances to the nearest items found, rising, and these items; without `x` of the pool's own items to others."""
        own = x is None
        x = self._pool if x is None else self._centred(x)
        cell = self._cell if own else _nearest(x, self._centres)
        distance = np.empty((len(x), self.n_neighbors), np.float32)
        neighbor = np.empty((len(x), self.n_neighbors), np.int64)
        for number in np.unique(cell):
            asking, candidates = np.flatnonzero(cell == number), self._candidates(number)
            for some in np.array_split(asking, len(asking) * len(candidates) // _HELD + 1):
                distance[some], neighbor[some] = self._search(x[some], candidates, some if own else None)
        return distance, neighbor

    def _centred(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        return np.ascontiguousarray(x - self._mean, np.float32)

    def _candidates(self, number: int) -> Int[np.ndarray, " b"]:
        """Return the items of a cell and those near to it, in order; of the whole pool where these are too few."""
        candidates = np.concatenate([self._members[cell] for cell in self._near[number]])
        return np.sort(candidates) if len(candidates) > self.n_neighbors else np.arange(len(self._pool))

    def _search(
        self, x: Float[np.ndarray, "a d"], candidates: Int[np.ndarray, " b"], selves: Int[np.ndarray, " a"] | None
    ) -> Neighbors:
        k = self.n_neighbors
        apart = _ranking_distances(x, self._pool[candidates])
        if selves is not None:
            apart[np.arange(len(x)), np.searchsorted(candidates, selves)] = np.inf
        found = candidates[smallest(apart, k)]
        # Exactly, so that copies of an item are at distance 0.
        exact = np.linalg.norm(x[:, None] - self._pool[found], axis=2)
        order = np.argsort(exact, axis=1, kind="stable")
        return np.take_along_axis(exact, order, axis=1), np.take_along_axis(found, order, axis=1)


def smallest(values: Float[np.ndarray, "a b"], k: int) -> Int[np.ndarray, "a k"]:
    """Return the places of the k smallest values of each row, in any order, as `argpartition` does, in an eighth of the time.

    Each row is folded into strips of sixteen values. The k smallest lie in at most k strips, and these are strips whose smallest
    value is among the k smallest of all strips' smallest values: only they are looked through.
    """
    n_rows, width = values.shape
    n_strips = width // _STRIP
    if n_strips <= k:
        return np.argpartition(values, k - 1, axis=1)[:, :k]
    folded = values[:, : n_strips * _STRIP].reshape(n_rows, _STRIP, n_strips)
    strips = np.argpartition(folded.min(axis=1), k - 1, axis=1)[:, :k]
    inside = (strips[:, None] + n_strips * np.arange(_STRIP)[:, None]).reshape(n_rows, -1)
    left_over = np.broadcast_to(np.arange(n_strips * _STRIP, width), (n_rows, width - n_strips * _STRIP))
    places = np.hstack([inside, left_over])
    best = np.argpartition(np.take_along_axis(values, places, axis=1), k - 1, axis=1)[:, :k]
    return np.take_along_axis(places, best, axis=1)


def _ranking_distances(a: Float[np.ndarray, "a d"], b: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "a b"]:
    """Return squared distances less the squared length of each `a`, which leaves the order within a row as it is."""
    # As one product: each pass over so large an array takes as long as the product.
    ones = np.ones((len(a), 1), a.dtype)
    apart: np.ndarray = np.hstack([a, ones]) @ np.hstack([-2 * b, np.einsum("bd,bd->b", b, b)[:, None]]).T
    return apart


def _nearest(x: Float[np.ndarray, "m d"], centres: Float[np.ndarray, "c d"]) -> Int[np.ndarray, " m"]:
    chunks = np.array_split(x, max(1, len(x) // 16_384))
    return np.concatenate([_ranking_distances(chunk, centres).argmin(axis=1) for chunk in chunks])
