"""What a curve is worth in labels: labels to a target, ratios between methods, area under the curve, ranks over data sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy import stats
from scipy.optimize import isotonic_regression

from bench.stats.intervals import CONFIDENCE, Interval
from bench.stats.seeds import SeedTable

_DRAWS = 1_000


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels that a curve needs for a target accuracy."""

    n: float
    """Interpolated; the smallest budget where that is enough already, infinity where the largest is not."""
    ci_low: float | None
    ci_high: float | None
    """Bootstrap over seeds; infinity where more than a fortieth of the draws never get there, `None` with a single seed."""
    smallest: int
    largest: int
    """Of the budgets that have scores."""
    draws: Float[np.ndarray, " r"] | None
    """The bootstrap."""

    @property
    def reached(self) -> bool:
        """Whether the mean curve gets there at all."""
        return bool(np.isfinite(self.n))

    @property
    def at_most(self) -> bool:
        """Whether the smallest budget is enough already, so that `n` is only an upper bound."""
        return self.n == self.smallest


@dataclass(frozen=True)
class Ratio:
    """How many times as many labels a reference needs."""

    value: float
    ci_low: float | None
    ci_high: float | None
    bound: Literal["", ">", "<"] = ""
    """`>`: at least `value`, because one of the two was never seen below or above the target; `<`: at most."""


def labels_to_target(table: SeedTable, target: float, seed: int = 0) -> Labels | None:
    """Return the labels at which the mean accuracy reaches `target`; `None` for a method without any score.

    The curve is the best non-decreasing one (isotonic regression), linear in the log budget between budgets. The interval is the
    percentile bootstrap over model seeds and label seeds, both drawn with replacement; with two or three seeds of either kind it
    is too narrow.
    """
    known = table.scored_budgets
    if not known:
        return None
    budgets = np.asarray(table.budgets)
    draws = _bootstrap(table, target, seed)
    low, high = (None, None) if draws is None else _percentiles(draws)
    return Labels(crossing(budgets, _curve(table.scores), target), low, high, known[0], known[-1], draws)


def efficiency_ratio(ours: Labels, reference: Labels) -> Ratio | None:
    """Return how many times as many labels `reference` needs for the same target; `None` where nothing can be said.

    The bootstraps share their draws of label seeds, since both methods were shown the same items.
    """
    above, below = reference.n if reference.reached else reference.largest, ours.n if ours.reached else ours.largest
    at_least, at_most = ours.at_most or not reference.reached, reference.at_most or not ours.reached
    if at_least and at_most:
        return None
    if at_least or at_most:
        return Ratio(above / below, None, None, ">" if at_least else "<")
    if ours.draws is None or reference.draws is None:
        return Ratio(above / below, None, None)
    with np.errstate(invalid="ignore"):
        ratios = reference.draws / ours.draws
    return Ratio(above / below, *_percentiles(ratios[~np.isnan(ratios)]))


def area_under_curve(table: SeedTable, budgets: Sequence[int]) -> Interval | None:
    """Return the mean score over the log of the budget (trapezoids between the given budgets), with its interval over seeds.

    `None` where a budget is missing, or no model and draw has a score at all of them.
    """
    if not budgets or not set(budgets) <= set(table.scored_budgets):
        return None
    rows = [table.budgets.index(n) for n in budgets]
    areas = np.einsum("b,bms->ms", log_weights(np.asarray(budgets)), table.scores[rows])
    if table.fresh is not None:
        # A draw that shows nothing new at any budget is no second observation of the curve.
        areas = np.where(table.fresh[rows].any(axis=0), areas, np.nan)
    return table.interval(areas) if np.isfinite(areas).any() else None


def log_weights(n_labeled: Int[np.ndarray, " b"]) -> Float[np.ndarray, " b"]:
    """Return the weights, with sum 1, that turn values into their mean over the log of the number of labels (trapezoids)."""
    if len(n_labeled) == 1:
        return np.ones(1)
    steps = np.diff(np.log(n_labeled))
    weights: np.ndarray = (np.append(steps, 0) + np.insert(steps, 0, 0)) / (2 * steps.sum())
    return weights


@dataclass(frozen=True)
class RankTest:
    """Friedman's test over several data sets, with Nemenyi's critical difference (Demšar 2006)."""

    ranks: dict[str, float]
    p: float
    critical_difference: float
    """Mean ranks further apart than this differ at the 5 % level."""


def mean_ranks(scores: Float[np.ndarray, "d k"]) -> Float[np.ndarray, " k"]:
    """Return the mean rank of k methods over d data sets; 1 is the best; scores that differ by rounding alone share a rank."""
    ranks: np.ndarray = stats.rankdata(-np.round(scores, 12), axis=1).mean(axis=0)
    return ranks


def rank_test(scores: Float[np.ndarray, "d k"], labels: Sequence[str]) -> RankTest | None:
    """Compare k methods over d data sets; `None` for fewer than two data sets or three methods, for which there is no test."""
    n, k = scores.shape
    if n < 2 or k < 3:
        return None
    ranks = mean_ranks(scores)
    p = float(stats.friedmanchisquare(*scores.T).pvalue)
    quantile = float(stats.studentized_range.ppf(CONFIDENCE, k, np.inf)) / np.sqrt(2)
    return RankTest(dict(zip(labels, map(float, ranks), strict=True)), p, float(quantile * np.sqrt(k * (k + 1) / (6 * n))))


def _percentiles(draws: Float[np.ndarray, " r"]) -> tuple[float, float]:
    # "higher" never averages a number with infinity.
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="higher")
    return float(low), float(high)


def _curve(values: Float[np.ndarray, "b m s"]) -> Float[np.ndarray, " b"]:
    known = np.isfinite(values)
    counts = known.sum(axis=(1, 2))
    total = np.where(known, values, 0).sum(axis=(1, 2))
    mean = np.full(len(values), np.nan)
    np.divide(total, counts, out=mean, where=counts > 0)
    return mean


def crossing(budgets: Int[np.ndarray, " b"], curve: Float[np.ndarray, " b"], target: float) -> float:
    """Return the budget at which the isotonic curve first reaches the target; infinity if it does not."""
    known = np.isfinite(curve)
    n, y = budgets[known], isotonic_regression(curve[known]).x if known.any() else np.empty(0)
    above = np.flatnonzero(y >= target)
    if not len(above):
        return float("inf")
    first = above[0]
    if first == 0:
        return float(n[0])
    share = (target - y[first - 1]) / (y[first] - y[first - 1])
    return float(n[first - 1] * (n[first] / n[first - 1]) ** share)


def _bootstrap(table: SeedTable, target: float, seed: int) -> Float[np.ndarray, " r"] | None:
    """Return crossings of curves of resampled seeds; `None` where there is one seed of each kind."""
    _, m, s = table.scores.shape
    if m == s == 1:
        return None
    # One stream per kind of seed: methods with as many label seeds get the same draws of them.
    labels = np.random.default_rng([seed, 0]).integers(s, size=(_DRAWS, s))
    models = np.random.default_rng([seed, 1]).integers(m, size=(_DRAWS, m))
    x = np.asarray(table.budgets)
    return np.array([crossing(x, _curve(table.scores[:, i][:, :, j]), target) for i, j in zip(models, labels, strict=True)])
