"""Whether one method is better than another over data sets, where a small enough difference is none."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

ROPE = 0.005
"""The region of practical equivalence: half a point of accuracy."""
_PRIOR_STRENGTH = 0.5
_SAMPLES = 50_000
# Samples at once: their products take sets x samples numbers.
_BLOCK = 10_000


@dataclass(frozen=True)
class Practical:
    """Posterior probabilities that a method is better than another on a new data set like these, about as good, or worse."""

    better: float
    equal: float
    worse: float


def signed_rank(differences: Float[np.ndarray, " d"], rope: float = ROPE, seed: int = 0) -> Practical:
    """Compare two methods by the Bayesian signed-rank test (Benavoli et al. 2014, 2017).

    The posterior of the distribution of differences is a Dirichlet process over those seen and one that is zero, the prior's, of
    strength 1/2. For each of its draws of weights w, the three probabilities are sums of w_i w_j over the pairs whose mean
    difference lies above, within or below the region; the result is how often each of them is the largest.

    Parameters
    ----------
    differences
        One per data set, in shares of 1: the method less the other.
    rope
        Half width of the region.

    Raises
    ------
    ValueError
        Without differences.
    """
    if not len(differences):
        raise ValueError("no data set is common to both methods")
    z = np.append(0.0, differences)
    mean = (z[:, None] + z[None]) / 2
    # Rounding must not put a difference of exactly the region's width outside.
    above, below = (mean > rope + 1e-12).astype(float), (mean < -rope - 1e-12).astype(float)
    generator = np.random.default_rng(seed)
    alpha = np.append(_PRIOR_STRENGTH, np.ones(len(differences)))
    counts = np.zeros(3)
    for _ in range(_SAMPLES // _BLOCK):
        w = generator.dirichlet(alpha, _BLOCK)
        better, worse = ((w @ side * w).sum(axis=1) for side in (above, below))
        thirds = np.stack([better, 1 - better - worse, worse])
        largest = thirds >= thirds.max(axis=0) - 1e-12
        counts += (largest / largest.sum(axis=0)).sum(axis=1)
    better, equal, worse = map(float, counts / _SAMPLES)
    return Practical(better, equal, worse)


@dataclass(frozen=True)
class WinTieLoss:
    """How often a method is ahead of another, within the region of equivalence, or behind."""

    wins: int
    ties: int
    losses: int


def win_tie_loss(differences: Float[np.ndarray, "..."], rope: float = ROPE) -> WinTieLoss:
    """Count differences above, within and below the region; NaN counts nowhere."""
    known = differences[np.isfinite(differences)]
    wins, losses = int((known > rope + 1e-12).sum()), int((known < -rope - 1e-12).sum())
    return WinTieLoss(wins, len(known) - wins - losses, losses)
