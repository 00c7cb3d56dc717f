"""The methods `…-ensemble`: one learner for every model of a run, and the mean of what they say."""

from collections.abc import Callable
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from bench.judge.folds import answer
from bench.judge.methods import Learner
from bench.judge.representations import Several, View


class EnsembleLearner:
    """Fits a learner to what each model makes of the pool, all on the same labels, and averages their class probabilities.

    Models of other seeds err on other items: the mean is mostly better than any of them, for the price of training them all
    (Lakshminarayanan et al. 2017).

    Attributes
    ----------
    learners_
        One for each model, by its name.
    """

    def __init__(self, make: Callable[[], Learner]) -> None:
        self.make = make

    def fit(self, x: Several, y: Int[np.ndarray, " n"]) -> Self:
        """Learn from the items with y >= 0."""
        self.learners_ = {name: self.make().fit(view, y) for name, view in x.views.items()}
        said = [answer(learner, View(x.views[name], None)).proba for name, learner in self.learners_.items()]
        self.label_distributions_ = _mean(said)
        self.transduction_: Int[np.ndarray, " n"] = self.label_distributions_.argmax(axis=1)
        return self

    def predict(self, x: Several) -> Int[np.ndarray, " n"]:
        """Return the class of each new item."""
        best: np.ndarray = self.predict_proba(x).argmax(axis=1)
        return best

    def predict_proba(self, x: Several) -> Float[np.ndarray, "n l"]:
        """Return class probabilities of new items."""
        return _mean([learner.predict_proba(x.views[name]) for name, learner in self.learners_.items()])


def _mean(proba: list[Float[np.ndarray, "n l"]]) -> Float[np.ndarray, "n l"]:
    mean: np.ndarray = np.mean(proba, axis=0)
    return mean
