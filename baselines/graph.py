"""Label spreading on a k-nearest-neighbour graph, with class-mass normalisation."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee
from sklearn.neighbors import NearestNeighbors

from baselines.base import FewLabelClassifier

N_NEIGHBORS = 10


@dataclass(frozen=True)
class NeighborGraph:
    """Similarities to the items of a pool, in the form that `SpreadingBaseline` reads.

    For the pool itself `weights` is the symmetric normalised similarity S (n x n); for new items each row is a weighted mean
    over its nearest pool items (m x n).
    """

    weights: sparse.csr_array

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and pool items."""
        return self.weights.shape[0], self.weights.shape[1]

    @cached_property
    def compact(self) -> tuple[sparse.csr_array, Int[np.ndarray, " n"]]:
        """The pool's similarities in an order that keeps neighbours together (Cuthill & McKee 1969), and the item of each row.

        Products with them take half as long or less, and give the same numbers to the bit: rows keep the order of their terms.
        """
        weights, n = self.weights, len(self)
        order = reverse_cuthill_mckee(sparse.csr_matrix(weights), symmetric_mode=True)
        position = np.empty(n, weights.indices.dtype)
        position[order] = np.arange(n)
        lengths = np.diff(weights.indptr)[order]
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(weights.indptr.dtype)
        terms = np.repeat(weights.indptr[:-1][order] - start[:-1], lengths) + np.arange(start[-1])
        return sparse.csr_array((weights.data[terms], position[weights.indices[terms]], start), shape=weights.shape), order


def neighbor_graphs(
    pool: Float[np.ndarray, "n d"], test: Float[np.ndarray, "m d"] | None = None, n_jobs: int = 1
) -> tuple[NeighborGraph, NeighborGraph | None]:
    """Return the graph of the pool, and that of new items when there are any.

    Weights are exp(-d^2 / (s_i s_j)), s_i the distance to the last neighbour (self-tuning, Zelnik-Manor & Perona 2004), symmetric
    by taking the larger; S = D^-1/2 W D^-1/2 (Zhou et al. 2004).
    """
    n = len(pool)
    k = min(N_NEIGHBORS, n - 1)
    index = NearestNeighbors(n_neighbors=k, n_jobs=n_jobs).fit(pool)
    distance, neighbor = index.kneighbors()
    scale = np.maximum(distance[:, -1], np.finfo(distance.dtype).tiny)
    weights = _affinity(distance, neighbor, scale, scale, n)
    weights = weights.maximum(weights.T).tocsr()
    inverse_root = sparse.diags_array(1 / np.sqrt(np.maximum(weights.sum(axis=1), 1e-12)))
    graph = NeighborGraph(sparse.csr_array(inverse_root @ weights @ inverse_root).astype(np.float32))
    if test is None:
        return graph, None
    distance, neighbor = index.kneighbors(test)
    own_scale = np.maximum(distance[:, -1], np.finfo(distance.dtype).tiny)
    rows = _affinity(distance, neighbor, own_scale, scale, n)
    mean = sparse.diags_array(1 / np.maximum(rows.sum(axis=1), 1e-12)) @ rows
    return graph, NeighborGraph(sparse.csr_array(mean).astype(np.float32))


def _affinity(
    distance: np.ndarray, neighbor: np.ndarray, row_scale: np.ndarray, pool_scale: np.ndarray, n: int
) -> sparse.csr_array:
    # Duplicated items have neighbours at distance 0 and scale 0: their weight is exp(0) = 1, not 0 / 0.
    value = np.exp(-(distance**2) / np.maximum(row_scale[:, None] * pool_scale[neighbor], np.finfo(np.float32).tiny))
    start = np.arange(0, neighbor.size + 1, neighbor.shape[1])
    return sparse.csr_array((value.ravel(), neighbor.ravel(), start), shape=(len(neighbor), n))


class SpreadingBaseline(FewLabelClassifier):
    """F <- a S F + (1 - a) Y until it settles (Zhou et al. 2004), then class-mass normalisation (Zhu et al. 2003, eq. 9).

    Reads `NeighborGraph`s. Each class's column of F is scaled to the class's share of the labels (add-one smoothed), so that a
    class whose labels happen to sit in well-connected places does not win by mass alone. An item that no label reaches gets the
    shares themselves.

    Parameters
    ----------
    alpha
        a: how much an item listens to its neighbours rather than to its own label.
    max_iter, tol
        Stop after `max_iter` rounds, or once no entry of F changes by `tol` or more.
    """

    def __init__(
        self,
        n_classes: int | None = None,
        n_jobs: int = 1,
        random_state: int = 0,
        alpha: float = 0.99,
        max_iter: int = 100,
        tol: float = 1e-5,
    ) -> None:
        super().__init__(n_classes, n_jobs, random_state)
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, x: NeighborGraph, y: Int[np.ndarray, " n"]) -> Self:
        """Spread the labels of the items with y >= 0 over the pool's graph."""
        y, labeled = self._check_labels(x, y)
        weights, order = x.compact
        ordered = y[order]
        sources = np.flatnonzero(ordered >= 0), ordered[ordered >= 0]
        field = np.zeros((len(x), self.n_classes_), np.float32)
        field[sources] = 1
        for _ in range(self.max_iter):
            # No copies: each pass over n x l numbers takes as long as the product.
            spread = weights @ field
            spread *= self.alpha
            spread[sources] += 1 - self.alpha
            field -= spread
            change = max(float(field.max()), -float(field.min()))
            field = spread
            if change < self.tol:
                break
        field[order] = field.copy()
        counts = np.bincount(y[labeled], minlength=self.n_classes_)
        share = np.where(counts > 0, counts + 1, 0).astype(np.float32)
        self.share_ = share / share.sum()
        mass = field.sum(axis=0)
        self.field_ = field * np.divide(self.share_, mass, out=np.zeros_like(mass), where=mass > 0)
        self.label_distributions_ = self._shares(self.field_)
        self.transduction_ = self.label_distributions_.argmax(axis=1)
        return self

    def predict_proba(self, x: NeighborGraph) -> Float[np.ndarray, "n l"]:
        """Return class probabilities of new items from the field at their neighbours in the pool."""
        return self._shares(x.weights @ self.field_)

    def _shares(self, field: Float[np.ndarray, "n l"]) -> Float[np.ndarray, "n l"]:
        total = field.sum(axis=1, keepdims=True)
        unreached = np.tile(self.share_, (len(field), 1))
        proba: np.ndarray = np.divide(field, total, out=unreached, where=total > 0)
        return proba
