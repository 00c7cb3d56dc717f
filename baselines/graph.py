"""Label spreading on a k-nearest-neighbour graph, with class-mass normalisation, as far as the labels shown say."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee
from sklearn.neighbors import NearestNeighbors

from baselines.base import FewLabelClassifier
from baselines.hidden import parts_of, told
from baselines.nearest import NeighborIndex, exact_index

N_NEIGHBORS = 10
# How much an item may listen to its neighbours rather than to its own label.
ALPHAS = (0.99, 0.97, 0.95, 0.9, 0.8)
# Labels that every class with a label is taken to have more than it has: a share told by a few labels errs by much.
_PSEUDO_LABELS = 5
# Hidden labels by which a setting may fall behind the best, and still count as equally good.
_LUCK = 1.0
# The expansion leaves out terms below this share of its first; to choose between settings takes less precision.
_PRECISION, _ROUGH = 1e-6, 1e-4

IndexMaker = Callable[[np.ndarray, int, int], NeighborIndex]
"""Takes the pool, the number of neighbours and n_jobs."""


@dataclass(frozen=True)
class NeighborGraph:
    """Similarities to the items of a pool, in the form that `SpreadingBaseline` reads.

    For the pool itself `weights` is the symmetric normalised similarity S (n x n); for new items each row is a weighted mean
    over its nearest pool items (m x n).
    """

    weights: sparse.csr_array
    points: Float[np.ndarray, "m d"] | None = None
    """Where the rows' items lie; without it an item that no label reaches cannot be given the nearest one."""
    degrees: Float[np.ndarray, " n"] | None = None
    """Sum of each pool item's weights before normalisation, D."""
    scale: Float[np.ndarray, " n"] | None = None
    """Distance of each pool item to its last neighbour."""

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


class NeighborWeights:
    """Turns nearest neighbours into similarities: those of a pool, and those of new items to the pool.

    Weights are exp(-d^2 / (s_i s_j)), s_i the distance to the last neighbour (self-tuning, Zelnik-Manor & Perona 2004), symmetric
    by taking the larger; S = D^-1/2 W D^-1/2 (Zhou et al. 2004).

    Parameters
    ----------
    make_index
        Finds the neighbours: `baselines.nearest.exact_index` or `quick_index`.
    """

    def __init__(self, pool: Float[np.ndarray, "n d"], n_jobs: int = 1, make_index: IndexMaker = exact_index) -> None:
        self.pool = pool
        self._index = make_index(pool, min(N_NEIGHBORS, len(pool) - 1), n_jobs)
        self._distance, self._neighbor = self._index.kneighbors()
        self._scale = _scale_of(self._distance)

    def graph(self) -> NeighborGraph:
        """Return the graph of the pool."""
        weights = _affinity(self._distance, self._neighbor, self._scale, self._scale, len(self.pool))
        weights = weights.maximum(weights.T).tocsr()
        degrees = np.maximum(weights.sum(axis=1), 1e-12)
        inverse_root = sparse.diags_array(1 / np.sqrt(degrees))
        normalised = sparse.csr_array(inverse_root @ weights @ inverse_root).astype(np.float32)
        return NeighborGraph(normalised, self.pool, degrees.astype(np.float32), self._scale.astype(np.float32))

    def graph_of_new(self, test: Float[np.ndarray, "m d"]) -> NeighborGraph:
        """Return the graph of new items."""
        distance, neighbor = self._index.kneighbors(test)
        rows = _affinity(distance, neighbor, _scale_of(distance), self._scale, len(self.pool))
        mean = sparse.diags_array(1 / np.maximum(rows.sum(axis=1), 1e-12)) @ rows
        return NeighborGraph(sparse.csr_array(mean).astype(np.float32), test)


def neighbor_graphs(
    pool: Float[np.ndarray, "n d"], test: Float[np.ndarray, "m d"] | None = None, n_jobs: int = 1
) -> tuple[NeighborGraph, NeighborGraph | None]:
    """Return the graph of the pool, and that of new items when there are any, with all nearest neighbours."""
    weights = NeighborWeights(pool, n_jobs)
    return weights.graph(), None if test is None else weights.graph_of_new(test)


def _scale_of(distance: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " m"]:
    scale: np.ndarray = np.maximum(distance[:, -1], np.finfo(distance.dtype).tiny)
    return scale


def _affinity(
    distance: np.ndarray, neighbor: np.ndarray, row_scale: np.ndarray, pool_scale: np.ndarray, n: int
) -> sparse.csr_array:
    # Duplicated items have neighbours at distance 0 and scale 0: their weight is exp(0) = 1, not 0 / 0.
    value = np.exp(-(distance**2) / np.maximum(row_scale[:, None] * pool_scale[neighbor], np.finfo(np.float32).tiny))
    start = np.arange(0, neighbor.size + 1, neighbor.shape[1])
    return sparse.csr_array((value.ravel(), neighbor.ravel(), start), shape=(len(neighbor), n))


def spread(
    weights: sparse.csr_array,
    start: Float[np.ndarray, "n c"],
    alphas: Sequence[float],
    precision: float = _PRECISION,
    rows: "Int[np.ndarray, ' r'] | slice" = slice(None),
) -> list[Float[np.ndarray, "r c"]]:
    """Return the given rows of (1 - a) (I - a S)^-1 Y for every a, all from one sequence of products with S.

    Chebyshev's expansion on [-1, 1], where the eigenvalues of S lie: with w = sqrt(1 - a^2) and r = (1 - w) / a,
    1 / (1 - a x) = (1 + 2 sum_k r^k T_k(x)) / w. For a = 0.99 it takes 98 products to a millionth, and Zhou's iteration 1,375.

    Parameters
    ----------
    weights
        S, symmetric and normalised (n x n).
    start
        Y, float32.
    alphas
        Values of a in (0, 1).
    precision
        Share of the first term below which terms are left out.
    rows
        The rows that are wanted; of all others nothing is kept.
    """
    roots = [math.sqrt(1 - alpha * alpha) for alpha in alphas]
    ratios = [(1 - root) / alpha for root, alpha in zip(roots, alphas, strict=True)]
    scales = [(1 - alpha) / root for root, alpha in zip(roots, alphas, strict=True)]
    n_terms = [math.ceil(math.log(precision) / math.log(ratio)) for ratio in ratios]
    fields = [np.float32(scale) * start[rows] for scale in scales]
    before, term = start, weights @ start
    for k in range(1, max(n_terms) + 1):
        if k > 1:
            following = weights @ term
            following *= 2
            following -= before
            before, term = term, following
        for field, scale, ratio, last in zip(fields, scales, ratios, n_terms, strict=True):
            if k <= last:
                field += np.float32(2 * scale * ratio**k) * term[rows]
    # A sum that ends early may fall below 0 where the whole would not.
    return [np.maximum(field, 0, out=field) for field in fields]


class SpreadingBaseline(FewLabelClassifier):
    """F = (1 - a) (I - a S)^-1 Y (Zhou et al. 2004, eq. 4), then class-mass normalisation (Zhu et al. 2003, eq. 9).

    Reads `NeighborGraph`s. Each class's column of F is scaled to the class's share of the labels, so that a class whose labels
    happen to sit in well-connected places does not win by mass alone; every class with a label counts as if it had five more. An
    item that no label reaches takes the class of the nearest labelled item, or the shares where the graph knows no positions.

    Parameters
    ----------
    alpha
        a: how much an item listens to its neighbours rather than to its own label. `None` takes the largest of `ALPHAS` that
        tells the labels shown about as well as the best when these are hidden in five parts in turn.

    Attributes
    ----------
    alpha_
        The one that was used.
    field_
        (n, L): how much of each class reaches each item of the pool.
    labeled_
        Places of the labelled items in the pool, and their classes.
    """

    def __init__(self, n_classes: int | None = None, n_jobs: int = 1, random_state: int = 0, alpha: float | None = None) -> None:
        super().__init__(n_classes, n_jobs, random_state)
        self.alpha = alpha

    def fit(self, x: NeighborGraph, y: Int[np.ndarray, " n"]) -> Self:
        """Spread the labels of the items with y >= 0 over the pool's graph."""
        y, labeled = self._check_labels(x, y)
        order = x.compact[1]
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        codes = y[labeled]
        self.share_ = class_shares(codes, self.n_classes_)
        self.field_ = self._field(x, place[labeled], codes)[place]
        self.labeled_ = labeled, codes
        self._known = None if x.points is None else (x.points[labeled], codes)
        self.label_distributions_ = self._distributions(self.field_, x.points)
        self.transduction_ = self.label_distributions_.argmax(axis=1)
        return self

    def predict_proba(self, x: NeighborGraph) -> Float[np.ndarray, "n l"]:
        """Return class probabilities of new items from the field at their neighbours in the pool."""
        return self._distributions(x.weights @ self.field_, x.points)

    def _field(self, x: NeighborGraph, rows: Int[np.ndarray, " s"], codes: Int[np.ndarray, " s"]) -> Float[np.ndarray, "n l"]:
        """Return how much of each class reaches each item; both in the order of `NeighborGraph.compact`."""
        weights, _ = x.compact
        self.alpha_ = self._choose_alpha(weights, rows, codes) if self.alpha is None else self.alpha
        (field,) = spread(weights, sources(len(x), rows, codes, self.n_classes_), [self.alpha_])
        return _scaled(field, field.sum(axis=0), self.share_)

    def _choose_alpha(self, weights: sparse.csr_array, rows: Int[np.ndarray, " s"], codes: Int[np.ndarray, " s"]) -> float:
        """Return the largest a that tells hidden labels about as well as the best."""
        if len(np.unique(codes)) < 2:
            return ALPHAS[0]
        part = parts_of(codes, np.random.default_rng(self.random_state))
        n, n_classes, n_parts = weights.shape[0], self.n_classes_, int(part.max()) + 1
        # A column per part and class: spreading is linear, so that to hide a part is to leave its columns out of the sum.
        start = sources(n, rows, part * n_classes + codes, n_parts * n_classes)
        fields = spread(weights, start, ALPHAS, _ROUGH, rows)
        # S is symmetric, so that what a label gives to all items is what it gets if all of them give.
        given = spread(weights, np.ones((n, 1), np.float32), ALPHAS, _ROUGH, rows)
        scores = []
        for field, gift in zip(fields, given, strict=True):
            mass = np.zeros((n_parts, n_classes), np.float32)
            np.add.at(mass, (part, codes), gift[:, 0])
            scores.append(_told(field.reshape(-1, n_parts, n_classes), mass, codes, part))
        # A label more or less is luck. With few labels it decides nothing, and they had better reach far.
        return next(alpha for alpha, score in zip(ALPHAS, scores, strict=True) if score >= max(scores) - _LUCK)

    def _distributions(self, field: Float[np.ndarray, "n l"], points: np.ndarray | None) -> Float[np.ndarray, "n l"]:
        total = field.sum(axis=1, keepdims=True)
        proba: np.ndarray = np.divide(field, total, out=np.tile(self.share_, (len(field), 1)), where=total > 0)
        unreached = np.flatnonzero(total[:, 0] <= 0)
        if len(unreached) and points is not None and self._known is not None:
            known, codes = self._known
            nearest = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(points[unreached], return_distance=False)[:, 0]
            proba[unreached] = 0
            proba[unreached, codes[nearest]] = 1
        return proba


def sources(n: int, rows: Int[np.ndarray, " s"], columns: Int[np.ndarray, " s"], n_columns: int) -> Float[np.ndarray, "n c"]:
    """Return 1 where an item brings a label of a column, else 0."""
    start = np.zeros((n, n_columns), np.float32)
    start[rows, columns] = 1
    return start


def class_shares(codes: Int[np.ndarray, " s"], n_classes: int) -> Float[np.ndarray, " l"]:
    """Return the shares of the classes, as far as a few labels tell them."""
    counts = np.bincount(codes, minlength=n_classes)
    # A class without a label has no column in the field, so that mass for it would go nowhere.
    share: np.ndarray = np.where(counts > 0, counts + _PSEUDO_LABELS, 0).astype(np.float32)
    share /= share.sum()
    return share


def _scaled(
    field: Float[np.ndarray, "n l"], mass: Float[np.ndarray, " l"], share: Float[np.ndarray, " l"]
) -> Float[np.ndarray, "n l"]:
    scaled: np.ndarray = field * np.divide(share, mass, out=np.zeros_like(mass), where=mass > 0)
    return scaled


def _told(
    field: Float[np.ndarray, "s p l"], mass: Float[np.ndarray, "p l"], codes: Int[np.ndarray, " s"], part: Int[np.ndarray, " s"]
) -> float:
    """Return how well the labels of each part are told by those of the others.

    `field` holds what the labels of each part and class bring to each labelled item, `mass` what they bring to the pool.
    """
    score = 0.0
    for number in range(len(mass)):
        hidden, others = part == number, np.arange(len(mass)) != number
        if hidden.all():
            continue
        share = class_shares(codes[~hidden], field.shape[2])
        scaled = _scaled(field[hidden][:, others].sum(axis=1), mass[others].sum(axis=0), share)
        total = scaled.sum(axis=1, keepdims=True)
        score += told(np.divide(scaled, total, out=np.tile(share, (len(scaled), 1)), where=total > 0), codes[hidden])
    return score
