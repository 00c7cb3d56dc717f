"""Intervals for a mean whose values come from model seeds and label seeds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds of its confidence interval, `None` where one value says nothing about spread."""

    mean: float
    ci_low: float | None
    ci_high: float | None


def t_interval(values: Float[np.ndarray, " n"], confidence: float = CONFIDENCE) -> Interval:
    """Student's interval for the mean of independent values."""
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, None, None)
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


def crossed_interval(values: Float[np.ndarray, "m s"], confidence: float = CONFIDENCE) -> Interval:
    """Interval for the mean of a table of m >= 2 model seeds x s >= 2 label seeds, both of which vary.

    Every model is judged on the same label draws, so that rows and columns have effects of their own (two-way random effects).
    The variance of the grand mean is estimated by (MS_rows + MS_columns - MS_rest) / (m s) with Satterthwaite's (1946) degrees of
    freedom; where that is not positive, by the larger of MS_rows and MS_columns. Missing entries (failed cells) are filled
    additively. A bootstrap over seeds is no choice here: of two or three it can only resample what it has, and covers 64-85 %.
    """
    values = _fill(values)
    m, s = values.shape
    mean = values.mean()
    row, column = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    rest = values - mean - row[:, None] - column[None]
    freedom = np.array([m - 1, s - 1, (m - 1) * (s - 1)], float)
    squares = np.array([s * (row**2).sum(), m * (column**2).sum(), (rest**2).sum()]) / freedom
    both = float(squares @ np.array([1.0, 1.0, -1.0]))
    if both > 0:
        half = _half_width(both, both**2 / float((squares**2 / freedom).sum()), m * s, confidence)
    else:
        half = max(_half_width(squares[effect], freedom[effect], m * s, confidence) for effect in (0, 1))
    return Interval(float(mean), float(mean - half), float(mean + half))


def _half_width(square: float, degrees: float, n: int, confidence: float) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, degrees) * np.sqrt(square / n))


def _fill(values: Float[np.ndarray, "m s"]) -> Float[np.ndarray, "m s"]:
    """Replace missing entries by row mean + column mean - grand mean of what is there."""
    mean = np.nanmean(values)
    return np.where(np.isfinite(values), values, np.nanmean(values, axis=1)[:, None] + np.nanmean(values, axis=0) - mean)


def seed_interval(group: pd.DataFrame, metric: str) -> Interval:
    """Return the interval of `metric` over finished records: t where one kind of seed varies, two-way where both do."""
    table = group.assign(model_seed=group["model_seed"].fillna(-1)).pivot_table(
        index="model_seed", columns="label_seed", values=metric, aggfunc="mean"
    )
    values = table.to_numpy(float)
    if min(values.shape) == 1:
        return t_interval(values[np.isfinite(values)])
    return crossed_interval(values)
