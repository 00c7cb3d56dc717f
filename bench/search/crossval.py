"""Cross-validation within a handful of labels: what a user without others can know about a method's accuracy."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Int

from bench.judge.folds import classes_of, random_folds
from bench.judge.methods import Learner
from bench.judge.representations import View

REPEATS = 3


def cross_validated_accuracy(make: Callable[[], Learner], view: View, y: Int[np.ndarray, " n"], seed: int) -> float:
    """Return the share of labels that learners predict right without seeing them.

    Ten random folds, three times; with fewer than ten labels each is its own fold. The learner still sees the whole pool without
    labels, as it will when it is used. A class whose only label is in the fold cannot be predicted, and counts as an error.

    Parameters
    ----------
    make
        Returns an unfitted learner.
    y
        (n,) class codes of the pool, -1 where a label must not be used.
    """
    right = told = 0
    for hidden in _folds(np.flatnonzero(y >= 0), seed):
        shown = y.copy()
        shown[hidden] = -1
        said = classes_of(make().fit(view.pool, shown), view, hidden)
        right += int((said == y[hidden]).sum())
        told += len(hidden)
    return right / told


def _folds(labeled: Int[np.ndarray, " s"], seed: int) -> Iterator[Int[np.ndarray, " t"]]:
    rng = np.random.default_rng(seed)
    for _ in range(REPEATS):
        yield from random_folds(labeled, rng)
