"""Labels hidden in turn: the folds, and what learners say of items whose label was hidden from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from bench.judge.methods import Learner
from bench.judge.representations import View

FOLDS = 10


@dataclass(frozen=True, eq=False)
class Answer:
    """What a learner says of items of the pool."""

    said: Int[np.ndarray, " n"]
    proba: Float[np.ndarray, "n l"]


def random_folds(items: Int[np.ndarray, " s"], rng: np.random.Generator) -> list[Int[np.ndarray, " t"]]:
    """Return the items in ten random parts of even size; fewer than ten items are a part each."""
    return np.array_split(rng.permutation(items), min(FOLDS, len(items)))


def classes_of(learner: Learner, view: View, items: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
    """Return the classes that a learner gives some items of the pool; transductive learners have their own."""
    transduction = getattr(learner, "transduction_", None)
    return learner.predict(view.pool[items]) if transduction is None else transduction[items]


def distributions(learner: Learner, pool: Any, items: Int[np.ndarray, " m"] | None = None) -> Float[np.ndarray, "m l"]:
    """Return class probabilities of the pool, or of some of it; transductive learners have their own."""
    own = getattr(learner, "label_distributions_", None)
    if own is None:
        return np.asarray(learner.predict_proba(pool if items is None else pool[items]))
    return np.asarray(own if items is None else own[items])


def answer(learner: Learner, view: View, items: Int[np.ndarray, " m"] | None = None) -> Answer:
    """Return classes and probabilities of the pool, or of some of it; transductive learners have their own."""
    transduction = getattr(learner, "transduction_", None)
    distributions = getattr(learner, "label_distributions_", None)
    if transduction is not None and distributions is not None:
        part = slice(None) if items is None else items
        return Answer(transduction[part], distributions[part])
    pool = view.pool if items is None else view.pool[items]
    return Answer(learner.predict(pool), learner.predict_proba(pool))
