"""What a curve is worth in labels: labels to a target, ratios between methods, area under the curve, ranks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.optimize import isotonic_regression

from bench.stats.intervals import CONFIDENCE, Interval, table_interval
from bench.stats.seeds import SeedTable

_DRAWS = 1_000


@dataclass(frozen=True)
class Labels:
    """Labels that a curve needs for a target accuracy."""

    n: float
    """Interpolated; the smallest budget where that is enough already, infinity where the largest is not."""
    ci_low: float | None
    ci_high: float | None
    """Bootstrap over seeds; infinity where more than a fortieth of the draws never get there, `None` with a single seed."""
    smallest: int
    largest: int

    @property
    def reached(self) -> bool:
        """Whether the mean curve gets there at all."""
        return bool(np.isfinite(self.n))


def labels_to_target(table: SeedTable, target: float, seed: int = 0) -> Labels:
    """Return the labels at which the mean accuracy reaches `target`.

    The curve is the best non-decreasing one (isotonic regression), linear in the log budget between budgets. The interval is the
    percentile bootstrap over model seeds and label seeds, both drawn with replacement; with two or three seeds of either kind it
    is too narrow.
    """
    draws = _bootstrap(table, target, seed)
    n = _crossing(np.log(table.budgets), _curve(table.scores), target)
    low, high = (None, None) if draws is None else _percentiles(draws)
    return Labels(n, low, high, table.budgets[0], table.budgets[-1])


def efficiency_ratio(table: SeedTable, reference: SeedTable, target: float, seed: int = 0) -> Interval | None:
    """Return how many times as many labels `reference` needs for the target; `None` where either never gets there.

    Label seeds are drawn together, since both methods were shown the same items.
    """
    ours, theirs = (_crossing(np.log(t.budgets), _curve(t.scores), target) for t in (table, reference))
    if not (np.isfinite(ours) and np.isfinite(theirs)):
        return None
    draws = [_bootstrap(t, target, seed) for t in (table, reference)]
    if draws[0] is None or draws[1] is None or len(draws[0]) != len(draws[1]):
        return Interval(theirs / ours, None, None)
    with np.errstate(invalid="ignore"):
        ratios = draws[1] / draws[0]
    return Interval(theirs / ours, *_percentiles(ratios[~np.isnan(ratios)]))


def area_under_curve(table: SeedTable) -> Interval:
    """Return the mean accuracy over the log of the budget (trapezoids between the budgets), with its interval over seeds."""
    x = np.log(np.asarray(table.budgets, float))
    if len(x) == 1:
        return table_interval(table.scores[0])
    areas = np.trapezoid(table.scores, x, axis=0) / (x[-1] - x[0])
    return table_interval(areas)


def average_ranks(tables: Sequence[SeedTable]) -> dict[str, float]:
    """Return each method's mean rank over the budgets and label seeds that all of them have; 1 is best, ties share."""
    budgets = sorted(set.intersection(*(set(table.budgets) for table in tables)))
    seeds = sorted(set.intersection(*(set(table.label_seeds) for table in tables)))
    scores = np.array(
        [
            [[_mean(table.scores[table.budgets.index(n), :, table.label_seeds.index(seed)]) for seed in seeds] for n in budgets]
            for table in tables
        ]
    ).reshape(len(tables), -1)
    # A failed cell is worse than any score.
    ranks = stats.rankdata(-np.where(np.isfinite(scores), scores, -np.inf), axis=0).mean(axis=1)
    return {table.label: float(rank) for table, rank in zip(tables, ranks, strict=True)}


@dataclass(frozen=True)
class RankTest:
    """Friedman's test over several data sets, with Nemenyi's critical difference (Demšar 2006)."""

    ranks: dict[str, float]
    p: float
    critical_difference: float
    """Mean ranks further apart than this differ at the 5 % level."""


def rank_test(scores: Float[np.ndarray, "d k"], labels: Sequence[str]) -> RankTest | None:
    """Compare k methods over d data sets; `None` for fewer than two data sets or three methods, for which there is no test."""
    n, k = scores.shape
    if n < 2 or k < 3:
        return None
    ranks = stats.rankdata(-scores, axis=1).mean(axis=0)
    p = float(stats.friedmanchisquare(*scores.T).pvalue)
    quantile = float(stats.studentized_range.ppf(CONFIDENCE, k, np.inf)) / np.sqrt(2)
    return RankTest(dict(zip(labels, map(float, ranks), strict=True)), p, float(quantile * np.sqrt(k * (k + 1) / (6 * n))))


def _percentiles(draws: Float[np.ndarray, " r"]) -> tuple[float, float]:
    # "higher" never averages a number with infinity.
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="higher")
    return float(low), float(high)


def _mean(values: Float[np.ndarray, " m"]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _curve(values: Float[np.ndarray, "b m s"]) -> Float[np.ndarray, " b"]:
    known = np.isfinite(values)
    counts = known.sum(axis=(1, 2))
    total = np.where(known, values, 0).sum(axis=(1, 2))
    mean = np.full(len(values), np.nan)
    np.divide(total, counts, out=mean, where=counts > 0)
    return mean


def _crossing(log_budgets: Float[np.ndarray, " b"], curve: Float[np.ndarray, " b"], target: float) -> float:
    """Return the budget at which the isotonic curve first reaches the target; infinity if it does not."""
    known = np.isfinite(curve)
    x, y = log_budgets[known], isotonic_regression(curve[known]).x if known.any() else np.empty(0)
    above = np.flatnonzero(y >= target)
    if not len(above):
        return float("inf")
    first = above[0]
    if first == 0:
        return float(np.exp(x[0]))
    share = (target - y[first - 1]) / (y[first] - y[first - 1])
    return float(np.exp(x[first - 1] + share * (x[first] - x[first - 1])))


def _bootstrap(table: SeedTable, target: float, seed: int) -> Float[np.ndarray, " r"] | None:
    """Return crossings of curves of resampled seeds; `None` where there is one seed of each kind."""
    _, m, s = table.scores.shape
    if m == s == 1:
        return None
    # One stream per kind of seed: methods with as many label seeds get the same draws of them.
    labels = np.random.default_rng([seed, 0]).integers(s, size=(_DRAWS, s))
    models = np.random.default_rng([seed, 1]).integers(m, size=(_DRAWS, m))
    x = np.log(np.asarray(table.budgets, float))
    return np.array([_crossing(x, _curve(table.scores[:, i][:, :, j]), target) for i, j in zip(models, labels, strict=True)])
