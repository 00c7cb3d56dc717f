"""Nearest neighbours in a pool: exact in small ones, and in large ones searched for where they mostly lie."""

from typing import Protocol, Self

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import MiniBatchKMeans
from sklearn.neighbors import NearestNeighbors

# From this many items on the search pays; below it the exact one takes a second or two.
_MANY = 20_000
# Cells that are searched for each item: on letters they hold 98 % of its ten nearest neighbours.
_PROBES = 16

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
        self._pool = np.ascontiguousarray(pool, np.float32)
        n_cells = max(1, int(np.sqrt(len(pool))))
        centres = MiniBatchKMeans(n_cells, n_init=1, random_state=self.random_state, batch_size=4096, max_iter=3).fit(self._pool)
        self._centres = centres.cluster_centers_.astype(np.float32)
        self._cell = _nearest(self._pool, self._centres)
        self._members = np.split(
            np.argsort(self._cell, kind="stable"), np.cumsum(np.bincount(self._cell, minlength=n_cells))[:-1]
        )
        apart = _squared_distances(self._centres, self._centres)
        self._near = np.argsort(apart, axis=1, kind="stable")[:, : self.probes]
        return self

    def kneighbors(self, x: Float[np.ndarray, "m d"] | None = None) -> Neighbors:
        """Return distances to the nearest items found, rising, and these items; without `x` of the pool's own items to others."""
        own = x is None
        x = self._pool if x is None else np.ascontiguousarray(x, np.float32)
        cell = self._cell if own else _nearest(x, self._centres)
        distance = np.empty((len(x), self.n_neighbors), np.float32)
        neighbor = np.empty((len(x), self.n_neighbors), np.int64)
        for number in np.unique(cell):
            asking = np.flatnonzero(cell == number)
            distance[asking], neighbor[asking] = self._search(x[asking], number, asking if own else None)
        return distance, neighbor

    def _search(self, x: Float[np.ndarray, "a d"], number: int, selves: Int[np.ndarray, " a"] | None) -> Neighbors:
        k = self.n_neighbors
        # More cells where those near hold too few items.
        sizes = np.cumsum([len(self._members[cell]) for cell in self._near[number]])
        if sizes[-1] <= k:
            candidates = np.arange(len(self._pool))
        else:
            candidates = np.sort(np.concatenate([self._members[cell] for cell in self._near[number]]))
        apart = _squared_distances(x, self._pool[candidates])
        if selves is not None:
            apart[np.arange(len(x)), np.searchsorted(candidates, selves)] = np.inf
        some = np.argpartition(apart, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(apart, some, axis=1), axis=1, kind="stable")
        some = np.take_along_axis(some, order, axis=1)
        return np.sqrt(np.take_along_axis(apart, some, axis=1)), candidates[some]


def _squared_distances(a: Float[np.ndarray, "a d"], b: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "a b"]:
    apart = a @ b.T
    apart *= -2
    apart += np.einsum("ad,ad->a", a, a)[:, None]
    apart += np.einsum("bd,bd->b", b, b)
    return np.asarray(np.maximum(apart, 0, out=apart))


def _nearest(x: Float[np.ndarray, "m d"], centres: Float[np.ndarray, "c d"]) -> Int[np.ndarray, " m"]:
    chunks = np.array_split(x, max(1, len(x) // 16_384))
    return np.concatenate([_squared_distances(chunk, centres).argmin(axis=1) for chunk in chunks])
