"""One number per method over data sets, with an interval; and how often a method gets how far (Agarwal et al. 2021)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import stats

from bench.stats.intervals import CONFIDENCE, Interval
from bench.stats.over_sets import SuiteScores

_RESAMPLES = 2_000
_CUT = 0.25


def normalised_areas(scores: SuiteScores) -> Float[np.ndarray, "d k s"]:
    """Return, for each set, method and draw, the normalised score averaged over the log of the number of labels (trapezoids).

    NaN for draws that a set does not have at all of its budgets.
    """
    values = scores.normalised()
    areas = np.full((len(scores.sets), len(scores.methods), values.shape[3]), np.nan)
    for i in range(len(scores.sets)):
        there = scores.there[i]
        x, y = np.log(scores.n_labeled[i, there]), values[i][:, there]
        areas[i] = y[:, 0] if len(x) == 1 else np.trapezoid(y, x, axis=1) / (x[-1] - x[0])
    return areas


def interquartile_mean(values: Float[np.ndarray, "k n"]) -> Float[np.ndarray, " k"]:
    """Return the mean of the middle half of each row, which outliers do not move; no value may be missing."""
    mean: np.ndarray = stats.trim_mean(values, _CUT, axis=1)
    return mean


def interquartile_means(scores: SuiteScores, seed: int = 0) -> tuple[Interval, ...]:
    """Return each method's interquartile mean over sets and draws of its normalised areas.

    The interval is the percentile bootstrap stratified by set: draws are drawn again within each set, the same ones for all
    methods. It is about new draws of labels for these sets, not about new sets.
    """
    areas = normalised_areas(scores)
    strata = [areas[i][:, np.isfinite(areas[i]).all(axis=0)] for i in range(len(scores.sets))]
    strata = [stratum for stratum in strata if stratum.shape[1]]
    means = interquartile_mean(np.concatenate(strata, axis=1))
    if all(stratum.shape[1] < 2 for stratum in strata):
        return tuple(Interval(float(mean), None, None) for mean in means)
    generator = np.random.default_rng(seed)
    again = np.array([interquartile_mean(np.concatenate(_drawn(strata, generator), axis=1)) for _ in range(_RESAMPLES)])
    lows, highs = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return tuple(Interval(float(m), float(low), float(high)) for m, low, high in zip(means, lows, highs, strict=True))


def _drawn(strata: Sequence[Float[np.ndarray, "k s"]], generator: np.random.Generator) -> list[Float[np.ndarray, "k s"]]:
    return [stratum[:, generator.integers(stratum.shape[1], size=stratum.shape[1])] for stratum in strata]


def performance_profiles(scores: SuiteScores, levels: Float[np.ndarray, " t"]) -> Float[np.ndarray, "k t"]:
    """Return how often (in sets, budgets and draws; sets count alike) each method's normalised score reaches each level."""
    values = scores.normalised()
    of_sets = []
    for i in range(len(scores.sets)):
        flat = values[i].reshape(len(scores.methods), -1)
        flat = flat[:, np.isfinite(flat).all(axis=0)]
        if flat.shape[1]:
            of_sets.append((flat[:, :, None] >= levels).mean(axis=1))
    mean: np.ndarray = np.mean(of_sets, axis=0)
    return mean
