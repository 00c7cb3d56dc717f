"""Rank correlation: whether two ways of judging configurations put them in the same order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

_Z = 1.959963984540054
# With fewer pairs the interval's formula has no meaning.
_LEAST = 5


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho over pairs of values, with a 95 % interval where there are enough of them."""

    rho: float
    ci_low: float | None
    ci_high: float | None
    n: int


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> RankCorrelation | None:
    """Return Spearman's rank correlation; `None` where one of the two is constant or there are fewer than three pairs.

    The interval is Fisher's, with the variance (1 + rho^2 / 2) / (n - 3) of Bonett & Wright (2000, Psychometrika 65, eq. 3).
    """
    pairs = np.column_stack([one, other]).astype(np.float64)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    n = len(pairs)
    if n < 3 or (pairs == pairs[0]).all(axis=0).any():
        return None
    ranks = pd.DataFrame(pairs).rank().to_numpy()
    rho = float(np.clip(np.corrcoef(ranks.T)[0, 1], -1, 1))
    if n < _LEAST:
        return RankCorrelation(rho, None, None, n)
    centre, spread = math.atanh(min(max(rho, -1 + 1e-12), 1 - 1e-12)), _Z * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return RankCorrelation(rho, math.tanh(centre - spread), math.tanh(centre + spread), n)
