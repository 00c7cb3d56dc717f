"""Poisson learning on a k-nearest-neighbour graph (Calder et al. 2020): made for a label or two per class."""

import numpy as np
from jaxtyping import Float, Int

from baselines.graph import NeighborGraph, SpreadingBaseline, sources, spread

# Poisson's equation has no solution on a part of the graph whose sources do not add up to zero; a trace of decay gives it one.
_ALPHA = 0.999
# Of threshold dynamics: rounds, steps of diffusion in each, and the weight of the labels (the authors' choice).
_ROUNDS, _STEPS, _PULL = 20, 40, 1.0
# Classes are weighed until the sizes fit, in so many steps.
_FITTING = 100


class PoissonBaseline(SpreadingBaseline):
    """Solves L u = sum_j (y_j - mean y) at the labelled items; the largest u names the class. L = D - W.

    Where spreading lets a label decay with distance, its source here is balanced by sinks at all other labels, so that u tells
    classes apart far from every label. With v = D^1/2 u the equation reads (I - S) v = D^-1/2 b, which is spreading with a just
    below 1. Reads `NeighborGraph`s; only positive u count.
    """

    def __init__(self, n_classes: int | None = None, n_jobs: int = 1, random_state: int = 0) -> None:
        super().__init__(n_classes, n_jobs, random_state, _ALPHA)

    def _field(self, x: NeighborGraph, rows: Int[np.ndarray, " s"], codes: Int[np.ndarray, " s"]) -> Float[np.ndarray, "n l"]:
        self.alpha_ = _ALPHA
        weights, order = x.compact
        root = _roots(x)[order]
        start = sources(len(x), rows, codes, self.n_classes_)
        (field,) = spread(weights, start / root[:, None], [_ALPHA])
        # A source of each label and sinks at all: the field of the sinks is that of all sources together.
        mean = np.bincount(codes, minlength=self.n_classes_).astype(np.float32) / len(codes)
        potential = (field - field.sum(axis=1, keepdims=True) * mean) / root[:, None]
        return np.asarray(np.maximum(potential, 0, out=potential))


class PoissonMBOBaseline(PoissonBaseline):
    """Poisson learning, then threshold dynamics: classes diffuse and are made crisp in turn, their sizes kept (PoissonMBO).

    The sizes are the classes' shares as far as the labels tell them.
    """

    def _field(self, x: NeighborGraph, rows: Int[np.ndarray, " s"], codes: Int[np.ndarray, " s"]) -> Float[np.ndarray, "n l"]:
        weights, order = x.compact
        degree = _roots(x)[order] ** 2
        start = sources(len(x), rows, codes, self.n_classes_)
        pull = _PULL * (start - (start.sum(axis=1, keepdims=True) * start[rows].mean(axis=0)))
        # Items without a label near them take no part.
        reached = super()._field(x, rows, codes)
        inside = reached.sum(axis=1) > 0
        sizes = self.share_ * inside.sum()
        crisp = _crisp(reached, sizes, inside)
        step = np.float32(1 / degree.max())
        root = np.sqrt(degree)
        for _ in range(_ROUNDS):
            field = crisp
            for _ in range(_STEPS):
                # u - dt (L u - b) with L = D^1/2 (I - S) D^1/2.
                flow = degree[:, None] * field - root[:, None] * (weights @ (root[:, None] * field))
                field = field - step * (flow - pull)
            crisp = _crisp(field, sizes, inside)
        return _fitted(field, sizes, inside)


def _roots(x: NeighborGraph) -> Float[np.ndarray, " n"]:
    if x.degrees is None:
        raise ValueError("this graph holds no degrees; make it by baselines.graph.neighbor_graphs")
    return np.asarray(np.sqrt(x.degrees))


def _crisp(field: Float[np.ndarray, "n l"], sizes: Float[np.ndarray, " l"], inside: np.ndarray) -> Float[np.ndarray, "n l"]:
    """Return 1 for the class that `_fitted` gives each item that takes part."""
    crisp = np.zeros_like(field)
    crisp[np.flatnonzero(inside), _fitted(field, sizes, inside)[inside].argmax(axis=1)] = 1
    return crisp


def _fitted(field: Float[np.ndarray, "n l"], sizes: Float[np.ndarray, " l"], inside: np.ndarray) -> Float[np.ndarray, "n l"]:
    """Return class probabilities from fields that are weighed such that classes have about the given sizes; 0 outside."""
    n_classes, present = len(sizes), sizes > 0
    values = np.maximum(field[inside], 0)
    weight = np.where(present, 1.0, 0.0).astype(np.float32)
    best, best_gap = weight, np.inf
    for _ in range(_FITTING):
        counts = np.bincount((values * weight).argmax(axis=1), minlength=n_classes)
        gap = np.abs(counts - sizes).sum()
        if gap < best_gap:
            best, best_gap = weight, gap
        if gap <= n_classes:
            break
        ratio = (sizes[present] + 1) / (counts[present] + 1)
        weight = weight.copy()
        weight[present] *= np.clip(ratio, 0.5, 2) ** 0.2
    weighed = values * best
    total = weighed.sum(axis=1, keepdims=True)
    # Where nothing is left of the field, the sizes are all that is known.
    unknown = np.tile((sizes / max(1, sizes.sum())).astype(field.dtype), (len(values), 1))
    fitted = np.zeros_like(field)
    fitted[inside] = np.divide(weighed, total, out=unknown, where=total > 0)
    return fitted
