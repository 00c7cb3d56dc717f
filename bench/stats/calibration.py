"""Whether probabilities mean what they say: temperature, reliability, expected calibration error, and a share's interval."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats
from scipy.optimize import minimize_scalar

from bench.stats.intervals import CONFIDENCE, Interval

_BINS = 10
_FLOOR, _DEVIATION = 1e-6, 0.2
# Beyond these a handful of labels says nothing of the temperature: all would be one class, or all classes alike.
_COLDEST, _HOTTEST = 0.1, 10.0


def tempered(proba: Float[np.ndarray, "n l"], temperature: float) -> Float[np.ndarray, "n l"]:
    """Return p^(1/T), scaled to sum to 1: softer for T > 1, sharper below (Guo et al. 2017)."""
    powers: np.ndarray = np.maximum(proba, _FLOOR) ** (1 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def fit_temperature(proba: Float[np.ndarray, "n l"], truth: Int[np.ndarray, " n"]) -> float:
    """Return the temperature under which the true classes are the most likely, given that it is probably near 1.

    Its logarithm has a normal prior of deviation 0.2: without one, a few labels that are all predicted right would make all
    items certain. See docs/own-data.md for its effect on letters.
    """

    def loss(log_temperature: float) -> float:
        warm = tempered(proba, float(np.exp(log_temperature)))
        likelihood = np.log(warm[np.arange(len(truth)), truth]).sum()
        return float(0.5 * (log_temperature / _DEVIATION) ** 2 - likelihood)

    optimum = minimize_scalar(loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(optimum.x))


@dataclass(frozen=True)
class Bin:
    """Items of about one confidence."""

    confidence: float
    """Mean probability of the class that was said."""
    accuracy: float
    ci_low: float
    ci_high: float
    count: int


def reliability(confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> tuple[Bin, ...]:
    """Return accuracy by confidence, in up to ten bins of about equally many items each."""
    order = np.argsort(confidence, kind="stable")
    bins = []
    for part in np.array_split(order, min(_BINS, max(1, len(order) // 5))):
        if len(part):
            interval = share_interval(int(right[part].sum()), len(part))
            bins.append(Bin(float(confidence[part].mean()), interval.mean, *_known(interval), len(part)))
    return tuple(bins)


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Return the mean distance of confidence and accuracy over items (Naeini et al. 2015), from bins of equal count."""
    total = sum(bin_.count for bin_ in bins)
    return sum(bin_.count * abs(bin_.confidence - bin_.accuracy) for bin_ in bins) / total


def share_interval(right: int, n: int, design_effect: float = 1.0) -> Interval:
    """Return a share with Wilson's (1927) interval at 95 %.

    Parameters
    ----------
    design_effect
        The variance over that of n independent answers: the interval is that of n / design_effect answers.
    """
    share, worth = right / n, n / design_effect
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    centre = (share + z**2 / (2 * worth)) / (1 + z**2 / worth)
    half = z * np.sqrt(share * (1 - share) / worth + z**2 / (4 * worth**2)) / (1 + z**2 / worth)
    return Interval(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def _known(interval: Interval) -> tuple[float, float]:
    assert interval.ci_low is not None  # noqa: S101 - a share of a count always has bounds
    assert interval.ci_high is not None  # noqa: S101
    return interval.ci_low, interval.ci_high
