"""The method `auto`: of a few good ways to use a model, the one that tells the labels shown best when they are hidden in turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int

from baselines.graph import SpreadingBaseline
from baselines.hidden import N_PARTS, parts_of, told
from baselines.linear import ScaledLogisticBaseline
from bench.judge.representations import Several
from gmvae.decoding import SoftSharesDecoder

# What label spreading mostly chooses; to choose it for every part anew takes five times as long.
_ALPHA = 0.95


@dataclass(frozen=True)
class Candidate:
    """A method that may be chosen."""

    representation: str
    """What it sees: a name in `Several.views`."""
    make: Callable[[int, int, int], Any]
    """Takes n_classes, n_jobs and random_state."""
    on_trial: Callable[[int, int, int], Any] | None = None
    """A quicker form, which stands for it while labels are hidden."""


def _quick_spreading(n_classes: int, n_jobs: int, random_state: int) -> SpreadingBaseline:
    return SpreadingBaseline(n_classes, n_jobs, random_state, _ALPHA)


CANDIDATES: dict[str, Candidate] = {
    "joint-spreading": Candidate("joint-graph", SpreadingBaseline, _quick_spreading),
    "latent-spreading": Candidate("latent-graph", SpreadingBaseline, _quick_spreading),
    "joint-logreg": Candidate("joint", ScaledLogisticBaseline),
    "soft-shares": Candidate("posterior", lambda n_classes, _n_jobs, _random_state: SoftSharesDecoder(n_classes)),
}
"""By their names in `METHODS`; of equally good ones the first is taken."""


class ChosenLearner:
    """Fits every candidate with a fifth of the labels hidden, five times, and then the best of them on all labels.

    Attributes
    ----------
    chosen_
        Its name in `CANDIDATES`.
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
        self.scores_ = {name: self._score(candidate, x, y, labeled) for name, candidate in CANDIDATES.items()}
        self.chosen_ = max(self.scores_, key=lambda name: self.scores_[name])
        best = CANDIDATES[self.chosen_]
        view = x.views[best.representation]
        self._learner = best.make(self.n_classes, self.n_jobs, self.random_state).fit(view, y)
        self.label_distributions_ = _distributions(self._learner, view)
        self.transduction_: Int[np.ndarray, " n"] = self.label_distributions_.argmax(axis=1)
        return self

    def predict(self, x: Several) -> Int[np.ndarray, " n"]:
        """Return the class of each new item."""
        best: np.ndarray = self.predict_proba(x).argmax(axis=1)
        return best

    def predict_proba(self, x: Several) -> Float[np.ndarray, "n l"]:
        """Return class probabilities of new items."""
        proba: np.ndarray = self._learner.predict_proba(x.views[CANDIDATES[self.chosen_].representation])
        return proba

    def _score(self, candidate: Candidate, x: Several, y: Int[np.ndarray, " n"], labeled: Int[np.ndarray, " s"]) -> float:
        view, make = x.views[candidate.representation], candidate.on_trial or candidate.make
        part = parts_of(y[labeled], np.random.default_rng(self.random_state))
        score = 0.0
        for number in range(N_PARTS):
            hidden = labeled[part == number]
            if len(hidden) in (0, len(labeled)):
                continue
            shown = y.copy()
            shown[hidden] = -1
            learner = make(self.n_classes, self.n_jobs, self.random_state).fit(view, shown)
            score += told(_distributions(learner, view, hidden), y[hidden])
        return score / len(labeled)


def _distributions(learner: Any, view: Any, items: Int[np.ndarray, " t"] | None = None) -> Float[np.ndarray, "t l"]:
    """Return class probabilities of items of the pool; transductive learners have their own."""
    own = getattr(learner, "label_distributions_", None)
    if own is None:
        return np.asarray(learner.predict_proba(view if items is None else view[items]))
    return np.asarray(own if items is None else own[items])
