"""Scores of predicted classes against true ones."""

import numpy as np
from jaxtyping import Int


def accuracy(predicted: Int[np.ndarray, " n"], truth: Int[np.ndarray, " n"]) -> float | None:
    """Share of right classes; `None` where there is nothing to score."""
    return float((predicted == truth).mean()) if len(truth) else None


def macro_accuracy(predicted: Int[np.ndarray, " n"], truth: Int[np.ndarray, " n"]) -> float | None:
    """Mean over the classes that occur of the share of right ones (balanced accuracy); `None` where there is nothing to score."""
    if not len(truth):
        return None
    total = np.bincount(truth)
    right = np.bincount(truth[predicted == truth], minlength=len(total))
    occurs = total > 0
    return float((right[occurs] / total[occurs]).mean())
