"""How often the 95 % interval for a mean over model seeds and label seeds holds the true mean.

    python results/intervals/coverage.py

Normal effects of models, of draws, and of both together, in 15 mixtures of their variances.
"""

import sys

import numpy as np

from bench.stats.intervals import crossed_interval

_TABLES = 4_000
_SEEDS = ((2, 3), (2, 5), (3, 5), (5, 5), (2, 20))
_MIXTURES = (
    *((0, 1, 1), (0.1, 1, 1), (0.25, 1, 1), (0.5, 1, 1), (1, 1, 1), (2, 1, 1), (4, 1, 1), (0, 1, 0.1)),
    *((0.1, 1, 0.1), (1, 1, 0.1), (4, 1, 0.1), (0, 0, 1), (1, 0.1, 0.1), (0.05, 1, 0.25), (0.25, 1, 0.25)),
)
"""Variance of models, of draws, of the rest."""


def coverage(m: int, s: int, variances: tuple[float, float, float], rng: np.random.Generator) -> float:
    """Return the share of tables whose interval holds zero, the true mean."""
    models, draws, rest = np.sqrt(variances)
    hits = 0
    for _ in range(_TABLES):
        values = models * rng.normal(size=(m, 1)) + draws * rng.normal(size=(1, s)) + rest * rng.normal(size=(m, s))
        interval = crossed_interval(values)
        hits += interval.ci_low is not None and interval.ci_high is not None and interval.ci_low <= 0 <= interval.ci_high
    return hits / _TABLES


def main() -> None:
    """Print the least and the greatest coverage for each number of models and draws."""
    for m, s in _SEEDS:
        covered = [coverage(m, s, mixture, np.random.default_rng(0)) for mixture in _MIXTURES]
        sys.stdout.write(f"{m} models, {s} draws: {min(covered):.3f} to {max(covered):.3f}\n")


if __name__ == "__main__":
    main()
