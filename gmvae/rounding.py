"""What float32 loses of numbers, and whether that is what tells them apart."""

import numpy as np
from jaxtyping import Num

# Above the first float32 leaves out whole numbers, below the second it loses digits; losing more than the third, a share of the
# deviation, is losing what is there.
_WHOLE, _TINY, _COARSE = 2**24, 1e-30, 0.01
# Its square is about the smallest number that float32 holds in full; that of its inverse about the largest.
_SMALL = 1e-19


def lost_in_float32(values: Num[np.ndarray, " n"]) -> float:
    """Return how far float32 is from finite values at most, where that may matter.

    Infinite if it has no room for one of them, or for the squares of most.
    """
    size = np.abs(values)
    some = size[(size > 0) & np.isfinite(size)]
    extreme = len(some) and (vanishes(float(some.max())) or vanishes(float(some.min())))
    if extreme and vanishes(float(np.quantile(some, 0.5, method="lower"))):
        return float("inf")
    odd = values[(size > _WHOLE) | ((size > 0) & (size < _TINY))].astype(np.float64)
    odd = odd[np.isfinite(odd)]
    with np.errstate(over="ignore", under="ignore"):
        return float(np.abs(odd - odd.astype(np.float32)).max(initial=0.0))


def vanishes(size: float) -> bool:
    """Whether float32 has no room for the squares of numbers of a size."""
    return not _SMALL < abs(size) < 1 / _SMALL


def is_coarse(lost: float, values: Num[np.ndarray, " n"]) -> bool:
    """Whether what float32 loses of values is large beside how far the finite ones lie apart."""
    if not lost or np.isinf(lost):
        return bool(lost)
    known = values[np.isfinite(values)].astype(np.float64)
    return not len(known) or lost > _COARSE * float(known.std())


def coarse_columns(values: Num[np.ndarray, "n d"]) -> list[int]:
    """Return the columns whose differences float32 cannot hold."""
    if values.dtype.kind not in "uif" or values.dtype.itemsize < 4 or values.dtype == np.float32:
        return []
    # One at a time: copies of all would double the memory.
    return [place for place, column in enumerate(values.T) if is_coarse(lost_in_float32(column), column)]
