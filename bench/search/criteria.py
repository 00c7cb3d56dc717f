"""Criteria by which configurations are compared before they are used, each with what it costs in labels.

| name | larger is better? | labels it reads | what it is |
|---|---|---|---|
| `elbo` | yes | none | bound on the log-likelihood of items held out of training, nats |
| `invariance` | yes | none | information that the clusters of two augmented views share, nats (IIC, Ji et al. 2019, eq. 3) |
| `stability` | yes | none | agreement of two models of different seeds (adjusted mutual information, Vinh et al. 2010) |
| `seconds` | no | none | time to train |
| `accuracy@N` | yes | N | label decoding, cross-validated within N labels |
| `oracle-accuracy@N` | yes | **all** | label decoding with N labels, scored on all others: an upper bound, never a result |
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.metrics import adjusted_mutual_info_score

from bench.data.dataset import Dataset
from bench.errors import SettingsError, number_of, unknown_name
from bench.judge.methods import METHODS
from bench.judge.metrics import accuracy
from bench.judge.representations import View
from bench.plan.budgets import resolve_budget
from bench.plan.samplers import labeled_items
from bench.plan.seeds import derive_seed
from bench.plan.selection import ORACLE
from bench.search.crossval import cross_validated_accuracy
from bench.search.settings import n_held_out
from gmvae.augmentation import Augmentation
from gmvae.decoding import Posterior
from gmvae.kinds import views_for
from gmvae.model import GaussianMixtureVAE
from gmvae.posteriors import encode, score

# Fewer labels than this say next to nothing about accuracy.
_MIN_LABELS = 10
# Draws of labels that an oracle averages over.
_ORACLE_DRAWS = 5
DECODINGS = tuple(name for name, method in METHODS.items() if method.representation == "posterior" and method.needs == "model")
"""Methods that `decoding` may name: those that read the posterior of one trained model."""


class Candidate:
    """A trained configuration: what a criterion may look at besides labels.

    Parameters
    ----------
    models
        Trained on all items but the held-out ones; several only for criteria that compare seeds.
    pool
        (n, d) items.
    held_out
        Indices of items that training did not see.
    decoding
        Method that turns clusters into classes.
    seconds
        Spent in training the first model.
    """

    def __init__(
        self,
        models: tuple[GaussianMixtureVAE, ...],
        pool: np.ndarray,
        held_out: Int[np.ndarray, " h"],
        decoding: str,
        seconds: float,
    ) -> None:
        self.models = models
        self.pool = pool
        self.held_out = held_out
        self.decoding = decoding
        self.seconds = seconds

    @cached_property
    def posterior(self) -> Posterior:
        """q(c|x) of the whole pool by the first model."""
        return Posterior(encode(self.models[0], self.pool).posterior)

    @property
    def view(self) -> View:
        """What label decoding sees."""
        return View(self.posterior, None)


Measure = Callable[[Candidate, Int[np.ndarray, " n"]], float]
"""Takes what was trained and the labels that the criterion may read, -1 for all others."""


@dataclass(frozen=True)
class Criterion:
    """A way to compare configurations."""

    name: str
    """As asked for: `elbo`, `accuracy@291`."""
    measure: Measure
    direction: Literal["maximize", "minimize"] = "maximize"
    reads: Literal["none", "shown", "all"] = "none"
    n_labeled: int = 0
    """N of `accuracy@N` and `oracle-accuracy@N`."""
    n_models: int = 1
    """Models of different seeds that it compares."""

    @property
    def rank(self) -> int:
        """How much it knows: 0 without labels, 1 with some, 2 with all."""
        return ("none", "shown", "all").index(self.reads)

    @property
    def is_oracle(self) -> bool:
        """Whether it reads labels that a user would not have."""
        return self.reads == "all"

    def labels(self, dataset: Dataset, label_seed: int) -> Int[np.ndarray, " n"]:
        """Return the labels of the pool that it reads, -1 for all others; no other label reaches a trial."""
        if self.reads == "all":
            return dataset.labels
        if self.reads == "none":
            return dataset.shown(np.empty(0, np.int64))
        return dataset.shown(labeled_items(dataset.labels, dataset.sha256, "random", label_seed, self.n_labeled))

    def cost(self, dataset: Dataset) -> int:
        """Return how many labels it reads."""
        return dataset.n_known if self.reads == "all" else self.n_labeled


def resolve_criterion(asked: str, dataset: Dataset) -> Criterion:
    """Return the criterion that `asked` names, for this data set.

    Raises
    ------
    SettingsError
        If there is no criterion of that name, or its number of labels is missing or does not fit.
    """
    name, at, number = asked.strip().partition("@")
    if name in _LABELED:
        if not at or not number:
            raise SettingsError(f"the criterion {name} needs a number of labels, e.g. {name}@291")
        budget = resolve_budget(number, dataset.n_known, dataset.n_classes)
        if budget.n_labeled < _MIN_LABELS:
            raise SettingsError(
                f"{asked} reads {number_of(budget.n_labeled, 'label')}, too few to say much; give at least {_MIN_LABELS}"
            )
        return _LABELED[name](f"{name}@{budget.n_labeled}", budget.n_labeled, dataset)
    if name not in _LABEL_FREE:
        shown = [f"{labeled}@N" for labeled in _LABELED]
        if re.fullmatch(r"[a-z-]+", name) and at:
            raise unknown_name("criterion", f"{name}@{number}", shown)
        raise unknown_name("criterion", asked, [*_LABEL_FREE, *shown])
    if at:
        raise SettingsError(f"the criterion {name} reads no labels; write {name}, not {asked}")
    return _LABEL_FREE[name]


def names_criteria(text: str) -> bool:
    """Whether a text names criteria: one, or several separated by commas."""
    return all(part.strip().partition("@")[0] in (*_LABEL_FREE, *_LABELED) for part in text.split(","))


def held_out_items(n: int, sha256: str) -> Int[np.ndarray, " h"]:
    """Return the items that no trial trains on: a tenth of the pool, at most 5,000, the same for every search of these data."""
    rng = np.random.default_rng(derive_seed("held out", sha256))
    return np.sort(rng.permutation(n)[: n_held_out(n)])


def shared_information(first: Float[np.ndarray, "n k"], second: Float[np.ndarray, "n k"]) -> float:
    """Return the mutual information in nats of two cluster assignments, given as probabilities: I(P), P = mean of q q'^T.

    P is made symmetric. It is log K where both assign alike, with certainty, to K clusters of one size, and 0 where one tells
    nothing of the other (Ji et al. 2019, "Invariant Information Clustering", eq. 2 and 3).
    """
    joint = first.astype(np.float64).T @ second.astype(np.float64) / len(first)
    joint = (joint + joint.T) / 2
    margin = joint.sum(axis=0)
    there = joint > 0
    independent = np.outer(margin, margin)
    return float((joint[there] * np.log(joint[there] / independent[there])).sum())


def _elbo(candidate: Candidate, _: np.ndarray) -> float:
    return float(score(candidate.models[0], candidate.pool[candidate.held_out]).mean(dtype=np.float64))


def _invariance(candidate: Candidate, _: np.ndarray) -> float:
    model, items = candidate.models[0], candidate.pool[candidate.held_out]
    # The views that suit the data, of one strength for all, whatever a configuration trains with.
    shape = model.config.image_shape
    augmentation = Augmentation(shape, 1.0, views_for(candidate.pool, shape)).to(model.device)
    generator = torch.Generator(model.device).manual_seed(0)
    one, other = (encode(model, items, lambda x: augmentation(x, generator)).posterior for _ in range(2))
    return shared_information(one, other)


def _stability(candidate: Candidate, _: np.ndarray) -> float:
    items = candidate.pool[candidate.held_out]
    one, other = (encode(model, items).posterior.argmax(axis=1) for model in candidate.models)
    if len(np.unique(one)) == 1 or len(np.unique(other)) == 1:
        # scikit-learn calls it agreement if both models put all items into one cluster, which means nothing.
        return 0.0
    return float(adjusted_mutual_info_score(one, other))


def _seconds(candidate: Candidate, _: np.ndarray) -> float:
    return candidate.seconds


def _cross_validated(candidate: Candidate, labels: np.ndarray, *, n_classes: int) -> float:
    method = METHODS[candidate.decoding]
    return cross_validated_accuracy(lambda: method.make(n_classes, 1, 0), candidate.view, labels, seed=0)


def _oracle(candidate: Candidate, labels: np.ndarray, *, n_labeled: int, n_classes: int, sha256: str) -> float:
    method, scores = METHODS[candidate.decoding], []
    for label_seed in range(_ORACLE_DRAWS):
        items = labeled_items(labels, sha256, "random", label_seed, n_labeled)
        shown = np.full(len(labels), -1)
        shown[items] = labels[items]
        said = method.make(n_classes, 1, 0).fit(candidate.posterior, shown).predict(candidate.posterior)
        rest = (shown < 0) & (labels >= 0)
        scores.append(accuracy(said[rest], labels[rest]) or 0.0)
    return float(np.mean(scores))


def _accuracy_criterion(name: str, n_labeled: int, dataset: Dataset) -> Criterion:
    return Criterion(name, partial(_cross_validated, n_classes=dataset.n_classes), reads="shown", n_labeled=n_labeled)


def _oracle_criterion(name: str, n_labeled: int, dataset: Dataset) -> Criterion:
    measure = partial(_oracle, n_labeled=n_labeled, n_classes=dataset.n_classes, sha256=dataset.sha256)
    return Criterion(name, measure, reads="all", n_labeled=n_labeled)


_LABEL_FREE = {
    "elbo": Criterion("elbo", _elbo),
    "invariance": Criterion("invariance", _invariance),
    "stability": Criterion("stability", _stability, n_models=2),
    "seconds": Criterion("seconds", _seconds, direction="minimize"),
}
_LABELED = {"accuracy": _accuracy_criterion, f"{ORACLE}accuracy": _oracle_criterion}
