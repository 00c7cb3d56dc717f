"""Cross-fitting: what a learner says of labelled items that were hidden from it, and what that is worth for the rest."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bench.judge.folds import answer, random_folds
from bench.judge.methods import Learner
from bench.judge.representations import View


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Predictions for the items that were hidden in turn."""

    items: Int[np.ndarray, " t"]
    said: Int[np.ndarray, " t"]
    """Class of each, by learners that did not see its label."""
    proba: Float[np.ndarray, "t l"]
    """Class probabilities, likewise."""
    fold: Int[np.ndarray, " t"]


def cross_fit(
    make: Callable[[], Learner], view: View, y: Int[np.ndarray, " n"], hideable: Bool[np.ndarray, " n"], seed: int
) -> CrossFit:
    """Hide up to ten random parts of the labelled items in turn, and let learners of the rest predict them.

    Parameters
    ----------
    make
        Returns an unfitted learner.
    y
        (n,) class codes of the pool, -1 where unknown.
    hideable
        Labelled items that may be hidden: those drawn at random. The others, which someone chose, are always shown, as they will
        be to the final learner.
    """
    items = np.flatnonzero(hideable)
    rng = np.random.default_rng(seed)
    parts = random_folds(items, rng)
    predictions = []
    for hidden in parts:
        shown = y.copy()
        shown[hidden] = -1
        predictions.append(answer(make().fit(view.pool, shown), view, hidden))
    fold = np.repeat(np.arange(len(parts)), [len(hidden) for hidden in parts])
    said = np.concatenate([prediction.said for prediction in predictions])
    proba = np.concatenate([prediction.proba for prediction in predictions])
    return CrossFit(np.concatenate(parts), said, proba, fold)
