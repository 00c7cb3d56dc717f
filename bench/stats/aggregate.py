"""One number per method over data sets, with an interval; and how often a method gets how far (Agarwal et al. 2021)."""

import numpy as np
from jaxtyping import Float
from scipy import stats

from bench.stats.efficiency import log_weights
from bench.stats.intervals import CONFIDENCE, Interval
from bench.stats.over_sets import SuiteScores, span_of

# Fewer where there are very many draws: their number times that of resamples is bounded.
_RESAMPLES, _FEWEST, _MOST_DRAWN = 500, 100, 100_000
_CUT = 0.25


def normalised_areas(scores: SuiteScores) -> Float[np.ndarray, "d k s"]:
    """Return, for each set, method and draw, the normalised score averaged over the log of the number of labels (trapezoids).

    NaN for draws that a set does not have at all of its budgets.
    """
    values = scores.normalised()
    return np.array(
        [
            np.einsum("b,kbs->ks", log_weights(scores.n_labeled[i, rising]), values[i][:, rising])
            for i, rising in enumerate(map(scores.rising, range(len(scores.sets))))
        ]
    )


def interquartile_mean(values: Float[np.ndarray, "*k n"]) -> Float[np.ndarray, "*k"]:
    """Return the mean of the middle half of the last axis, which outliers do not move; no value may be missing."""
    mean: np.ndarray = stats.trim_mean(values, _CUT, axis=-1)
    return mean


def interquartile_means(scores: SuiteScores, seed: int = 0) -> tuple[Interval, ...]:
    """Return each method's interquartile mean over sets and draws of its normalised areas.

    The interval is the percentile bootstrap stratified by set: draws are drawn again within each set, the same ones for all
    methods, and one fewer than there are, so that few draws do not make it too narrow (Rao & Wu 1988); scores are normalised anew
    each time. It is about new draws of labels for these sets, not about new sets.
    """
    areas = normalised_areas(scores)
    strata = [area[:, np.isfinite(area).all(axis=0)] for area in areas]
    means = interquartile_mean(np.concatenate(strata, axis=1))
    if all(stratum.shape[1] < 2 for stratum in strata):
        return tuple(Interval(float(mean), None, None) for mean in means)
    generator = np.random.default_rng(seed)
    n_resamples = int(np.clip(_MOST_DRAWN // max(stratum.shape[1] for stratum in strata), _FEWEST, _RESAMPLES))
    drawn = [_drawn_again(scores, i, n_resamples, generator) for i in range(len(scores.sets))]
    again = interquartile_mean(np.concatenate(drawn, axis=2))
    lows, highs = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=1)
    return tuple(Interval(float(m), float(low), float(high)) for m, low, high in zip(means, lows, highs, strict=True))


def _drawn_again(scores: SuiteScores, i: int, n_resamples: int, generator: np.random.Generator) -> Float[np.ndarray, "k r s"]:
    """Return normalised areas of one set for resampled draws."""
    rising = scores.rising(i)
    of_set = scores.scores[i][:, rising]
    of_set = of_set[:, :, np.isfinite(of_set).all(axis=(0, 1))]
    gained = np.maximum(of_set - scores.chance[i], 0)
    drawn = generator.integers(of_set.shape[2], size=(n_resamples, max(1, of_set.shape[2] - 1)))
    counts = np.array([np.bincount(row, minlength=of_set.shape[2]) for row in drawn])
    means = np.einsum("kbs,rs->rkb", of_set, counts, optimize=True) / drawn.shape[1]
    # The best method's mean, and so the scale, is a new one each time; the rest is the same for each draw.
    weights = log_weights(scores.n_labeled[i, rising]) / span_of(means.max(axis=1), float(scores.chance[i]))
    areas = np.einsum("rb,kbs->krs", weights, gained, optimize=True)
    again: np.ndarray = np.take_along_axis(areas, drawn[None], axis=2)
    return again


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
