"""How accuracy will grow with labels: a power law, fitted to how often hidden labels were told from fewer of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import xlog1py, xlogy

from bench.stats.intervals import CONFIDENCE, Interval

# What the error may be at the labels there are, and by which powers it may fall towards which share of itself. Learning curves of
# classifiers lie between 0.1 and 1 (Hestness et al. 2017); the share that stays may be anything.
_ERRORS = np.geomspace(1e-3, 0.97, 160)
_POWERS = np.linspace(0.1, 1.2, 12)
_FLOORS = np.linspace(0, 0.95, 20)
# Hidden labels serve several sizes, and labels that teach well test badly: an answer is worth this much of an independent one.
_WORTH = 0.5
# Beyond this many times the labels there are nobody should trust the curve.
REACH = 16


@dataclass(frozen=True)
class Tried:
    """What learners of a number of labels told right."""

    n_labeled: float
    right: float
    n: float
    """Answers; all sizes together are worth as many as there are labels."""


@dataclass(frozen=True)
class Needed:
    """Labels at which a target is reached."""

    likely: int | None
    """`None`: more than `REACH` times the labels there are, or never."""
    low: int | None
    high: int | None


class LearningCurve:
    """The error e(m) = e_n (f + (1 - f) (m / n)^-a) of a learner of m labels, with what the answers say of e_n, f and a.

    Their posterior is computed on a grid: no fit to fail, and intervals at any m. Before any answer e_n has Jeffreys' density,
    e^-1/2 (1 - e)^-1/2, so that ten right answers of ten leave room for errors; a and f are even. Answers are binomial, and
    discounted, as hidden labels serve several times.

    Parameters
    ----------
    tried
        Sizes and answers; at least one.
    n_labeled
        n: the labels there are.
    """

    def __init__(self, tried: list[Tried], n_labeled: int) -> None:
        self.tried = tried
        self.n_labeled = n_labeled
        self._error, self._power, self._floor = (grid.ravel() for grid in np.meshgrid(_ERRORS, _POWERS, _FLOORS, indexing="ij"))

    @cached_property
    def _weights(self) -> Float[np.ndarray, " g"]:
        # Jeffreys' density times e, for the grid is even in log e.
        log_likelihood = 0.5 * np.log(self._error / (1 - self._error))
        for point in self.tried:
            error = self._errors(point.n_labeled)
            log_likelihood += _WORTH * (xlogy(point.n - point.right, error) + xlog1py(point.right, -error))
        weights = np.exp(log_likelihood - log_likelihood.max())
        return np.asarray(weights / weights.sum())

    def _errors(self, n_labeled: float) -> Float[np.ndarray, " g"]:
        shape = self._floor + (1 - self._floor) * (n_labeled / self.n_labeled) ** -self._power
        # With few labels a power law may promise more errors than there are items.
        return np.minimum(self._error * shape, 0.999)

    def accuracy(self, n_labeled: int) -> Interval:
        """Return the accuracy to expect of so many labels: median, and 95 % interval."""
        return self._interval(1 - self._errors(n_labeled))

    def gain(self, n_labeled: int) -> Interval:
        """Return what accuracy gains from the labels there are to so many."""
        return self._interval(self._errors(self.n_labeled) - self._errors(n_labeled))

    def chance(self, n_labeled: int, gain: float) -> float:
        """Return the probability that so many labels gain at least this much accuracy on those there are."""
        return min(1.0, float(self._weights[self._errors(self.n_labeled) - self._errors(n_labeled) >= gain].sum()))

    def needed(self, target: float) -> Needed:
        """Return how many labels reach an accuracy."""
        sizes = np.unique(np.geomspace(self.n_labeled, REACH * self.n_labeled, 200).round().astype(int))
        chance = np.array([float(self._weights[1 - self._errors(size) >= target].sum()) for size in sizes])

        def first(level: float) -> int | None:
            reached = np.flatnonzero(chance >= level)
            return int(sizes[reached[0]]) if len(reached) else None

        return Needed(first(0.5), first((1 - CONFIDENCE) / 2), first((1 + CONFIDENCE) / 2))

    def _interval(self, values: Float[np.ndarray, " g"]) -> Interval:
        order = np.argsort(values)
        mass = np.cumsum(self._weights[order])
        low, middle, high = (float(values[order[np.searchsorted(mass, level)]]) for level in _levels())
        return Interval(middle, low, high)


def _levels() -> tuple[float, float, float]:
    return (1 - CONFIDENCE) / 2, 0.5, (1 + CONFIDENCE) / 2


def corrected_for_choice(
    right: Float[np.ndarray, "c s"],
    score: Float[np.ndarray, "c s"],
    choose: Callable[[np.ndarray], int],
    n_draws: int = 500,
    seed: int = 0,
) -> float:
    """Return the accuracy of choosing one of c candidates by s hidden labels, without the luck of the chosen one.

    The best of several looks better than it is. So the choice is made anew by labels drawn with replacement, and judged by those
    not drawn (Tsamardinos et al. 2018): the mean over many draws is about that of nested cross-validation, at no further fit.

    Parameters
    ----------
    right
        Whether each candidate told each hidden label.
    score
        What the choice goes by.
    choose
        Takes scores of some labels, and returns a candidate.
    """
    rng = np.random.default_rng(seed)
    n = right.shape[1]
    values = []
    for _ in range(n_draws):
        drawn = np.asarray(rng.integers(0, n, n))
        left = np.setdiff1d(np.arange(n), drawn)
        if len(left):
            values.append(right[choose(score[:, drawn]), left].mean())
    return float(np.mean(values)) if values else float(right[choose(score)].mean())
