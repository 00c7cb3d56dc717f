"""ASHA, asynchronous successive halving (Li et al. 2020): when trials are measured, and which of them go on."""

import math
from collections.abc import Iterable

# One in this many of the trials that reach a rung goes on to the next.
REDUCTION = 2
# Trials are first compared after a quarter of their epochs, but not before components have settled after the warm-up: one epoch
# after it, ASHA stopped a configuration that ends as the best of twenty (`results/search`).
_FIRST_RUNG, _SETTLING = 0.25, 3
_LEAST_EPOCHS = 4
# There is nothing yet to compare the first trials with.
_NEVER_PRUNED = 4


def rungs(epochs: int, warmup: float, *, pruning: bool) -> tuple[int, ...]:
    """Return the epochs after which a trial is measured; the last ends it.

    Parameters
    ----------
    warmup
        Share of the epochs in which the training's weights still rise.
    pruning
        Whether weak trials are stopped early; else a trial is measured at its end alone.
    """
    if not pruning or epochs < _LEAST_EPOCHS:
        return (epochs,)
    rung = max(round(_FIRST_RUNG * epochs), math.ceil(warmup * epochs) + _SETTLING)
    reached = []
    while rung < epochs:
        reached.append(rung)
        rung *= REDUCTION
    return (*reached, epochs)


def is_behind(number: int, value: float, reached: Iterable[float], *, maximize: bool) -> bool:
    """Whether a trial stops at a rung (algorithm 2): it is not among the better half of those that got there so far.

    The answer depends on values alone, while Optuna's pruner keeps state: asked again after a process was killed, it is the same.

    Parameters
    ----------
    number
        Of the trial; the first few are never stopped.
    value
        What it reached at the rung.
    reached
        What all trials reached there, its own value among them.
    """
    if number < _NEVER_PRUNED:
        return False
    ordered = sorted(reached, reverse=maximize)
    last = ordered[max(1, len(ordered) // REDUCTION) - 1]
    return value < last if maximize else value > last
