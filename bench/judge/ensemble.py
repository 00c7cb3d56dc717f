"""The methods `…-ensemble`: one learner for every model of a run, and the mean of what they say."""

from collections.abc import Callable
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from bench.judge.folds import distributions
from bench.judge.methods import Learner
from bench.judge.representations import Several
from bench.plan.seeds import derive_seed


class EnsembleLearner:
    """Fits a learner to what each model makes of the pool, all on the same labels, and averages their class probabilities.

    Models of other seeds err on other items: the mean is mostly better than any of them, for the price of training them all
    (Lakshminarayanan et al. 2017).

    Parameters
    ----------
    make
        Takes a seed: chance differs between members, so that they do not err alike.

    Attributes
    ----------
    learners_
        One for each model, by its name.
    """

    def __init__(self, make: Callable[[int], Learner], random_state: int = 0) -> None:
        self.make = make
        self.random_state = random_state

    def fit(self, x: Several, y: Int[np.ndarray, " n"]) -> Self:
        """Learn from the items with y >= 0."""
        self.learners_ = {name: self.make(derive_seed(name, self.random_state)).fit(view, y) for name, view in x.views.items()}
        self.label_distributions_ = _mean([distributions(learner, x.views[name]) for name, learner in self.learners_.items()])
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
