"""The method `auto`: of a few good ways to use a model, one that tells the labels shown best when they are hidden in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float, Int

from baselines.graph import SpreadingBaseline
from baselines.hidden import first_as_good, parts_of, told_each
from baselines.linear import ScaledLogisticBaseline
from bench.judge.folds import distributions
from bench.judge.representations import Several
from gmvae.decoding import SoftSharesDecoder

# Far enough for few labels, and not too far for many; to choose it for every part anew takes five times as long.
_ALPHA = 0.97


@dataclass(frozen=True)
class Candidate:
    """A method that may be chosen."""

    representation: str
    """What it sees: a name in `Several.views`."""
    make: Callable[[int, int, int], Any]
    """Takes n_classes, n_jobs and random_state."""
    on_trial: Callable[[int, int, int], Any] | None = None
    """A quicker form, which stands for it while labels are hidden."""


def quick_spreading(n_classes: int, n_jobs: int, random_state: int) -> SpreadingBaseline:
    """Return label spreading that does not choose how far it spreads."""
    return SpreadingBaseline(n_classes, n_jobs, random_state, _ALPHA)


CANDIDATES: dict[str, Candidate] = {
    "joint-spreading": Candidate("joint-graph", SpreadingBaseline, quick_spreading),
    "latent-spreading": Candidate("latent-graph", SpreadingBaseline, quick_spreading),
    "joint-logreg": Candidate("joint", ScaledLogisticBaseline),
    "soft-shares": Candidate("posterior", lambda n_classes, _n_jobs, _random_state: SoftSharesDecoder(n_classes)),
}
"""By their names in `METHODS`, in the order in which they are trusted: see `baselines.hidden.first_as_good`."""


@dataclass(frozen=True, eq=False)
class Told:
    """What a candidate said of labels that were hidden from it."""

    right: Bool[np.ndarray, " s"]
    """Whether it named the class of each."""
    score: Float[np.ndarray, " s"]
    """How well it told each (`baselines.hidden.told_each`): what candidates are chosen by."""


def try_hidden(
    candidate: Candidate,
    views: Mapping[str, Any],
    y: Int[np.ndarray, " n"],
    hideable: Int[np.ndarray, " s"],
    n_classes: int,
    n_jobs: int = 1,
    random_state: int = 0,
) -> Told:
    """Hide the labels of some items in five parts in turn, and let the candidate tell them from all others.

    Parameters
    ----------
    views
        By the names of representations; the candidate's among them.
    y
        Class codes of the pool, -1 where unknown.
    hideable
        Items with a label; two or more, or one beside others that are always shown.
    """
    view, make = views[candidate.representation], candidate.on_trial or candidate.make
    part = parts_of(y[hideable], np.random.default_rng(random_state))
    right, score = np.zeros(len(hideable), bool), np.zeros(len(hideable))
    for number in np.unique(part):
        hidden = part == number
        shown = y.copy()
        shown[hideable[hidden]] = -1
        if (shown < 0).all():
            continue
        proba = distributions(make(n_classes, n_jobs, random_state).fit(view, shown), view, hideable[hidden])
        right[hidden] = proba.argmax(axis=1) == y[hideable[hidden]]
        score[hidden] = told_each(proba, y[hideable[hidden]])
    return Told(right, score)


class ChosenLearner:
    """Fits every candidate with a fifth of the labels hidden, five times, and then one that told them best on all labels.

    Of those that are about as good as the best the first is taken (`baselines.hidden.first_as_good`).

    Attributes
    ----------
    chosen_
        Its name in `CANDIDATES`.
    learner_
        What was fitted on all labels.
    scores_
        For each candidate how many hidden labels it told right, with a little log-likelihood, over the number of labels.
    """

    def __init__(self, n_classes: int, n_jobs: int = 1, random_state: int = 0) -> None:
        self.n_classes = n_classes
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, x: Several, y: Int[np.ndarray, " n"]) -> Self:
        """Choose by the items with y >= 0, and learn from them."""
        y = np.asarray(y)
        if y.shape != x.shape:
            raise ValueError(f"got labels of shape {y.shape} for {len(x)} items; give one per item, -1 where unknown")
        labeled = np.flatnonzero(y >= 0)
        if not len(labeled):
            raise ValueError("no item has a label; give at least one class >= 0")
        told = {
            name: try_hidden(candidate, x.views, y, labeled, self.n_classes, self.n_jobs, self.random_state)
            for name, candidate in CANDIDATES.items()
        }
        self.scores_ = {name: float(one.score.sum() / len(labeled)) for name, one in told.items()}
        self.chosen_ = list(told)[first_as_good(np.stack([one.score for one in told.values()]))]
        best = CANDIDATES[self.chosen_]
        view = x.views[best.representation]
        self.learner_ = best.make(self.n_classes, self.n_jobs, self.random_state).fit(view, y)
        self.label_distributions_ = distributions(self.learner_, view)
        self.transduction_: Int[np.ndarray, " n"] = self.label_distributions_.argmax(axis=1)
        return self

    def predict(self, x: Several) -> Int[np.ndarray, " n"]:
        """Return the class of each new item."""
        best: np.ndarray = self.predict_proba(x).argmax(axis=1)
        return best

    def predict_proba(self, x: Several) -> Float[np.ndarray, "n l"]:
        """Return class probabilities of new items."""
        proba: np.ndarray = self.learner_.predict_proba(x.views[CANDIDATES[self.chosen_].representation])
        return proba
