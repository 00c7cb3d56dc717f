"""Intervals for a mean whose values come from model seeds and label seeds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

CONFIDENCE = 0.95
_RESAMPLES = 4_000


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


def crossed_interval(values: Float[np.ndarray, "m s"], confidence: float = CONFIDENCE, seed: int = 0) -> Interval:
    """Bootstrap interval for the mean of a table of m model seeds x s label seeds, resampling rows and columns independently.

    Both are sources of variance and every model is judged on the same label draws, so that rows and columns are drawn with
    replacement (the pigeonhole bootstrap, Owen 2007), never single entries. Missing entries (failed cells) are left out.
    """
    rng = np.random.default_rng(seed)
    m, s = values.shape
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    rows = rng.multinomial(m, np.full(m, 1 / m), size=_RESAMPLES).astype(float)
    columns = rng.multinomial(s, np.full(s, 1 / s), size=_RESAMPLES).astype(float)
    total = np.einsum("rm,ms,rs->r", rows, filled, columns, optimize=True)
    weight = np.einsum("rm,ms,rs->r", rows, present.astype(float), columns, optimize=True)
    means = total[weight > 0] / weight[weight > 0]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(filled.sum() / present.sum()), float(low), float(high))


def seed_interval(group: pd.DataFrame, metric: str) -> Interval:
    """Return the interval of `metric` over finished records: t where one kind of seed varies, crossed bootstrap where both do."""
    table = group.assign(model_seed=group["model_seed"].fillna(-1)).pivot_table(
        index="model_seed", columns="label_seed", values=metric, aggfunc="mean"
    )
    values = table.to_numpy(float)
    if min(values.shape) == 1:
        return t_interval(values[np.isfinite(values)])
    return crossed_interval(values)
