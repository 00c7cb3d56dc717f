"""`METHODS`: every way to turn a few labels into classes, by name; only this joins `gmvae` and `baselines`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, Literal, Protocol, Self

import numpy as np

from bench.errors import unknown_name
from bench.plan.cells import Clustering, ModelKey
from bench.plan.samplers.base import Sampler
from bench.plugins import with_plugins
from gmvae.decoding import HardDecoder, HardFallbackDecoder, LabelDecoder, SoftBayesDecoder, SoftDecoder, SoftSharesDecoder

ENTRY_POINTS = "gmvae_bench.methods"
Needs = Literal["nothing", "clusters", "model", "models", "vae"]
PLAIN_VAE = "vae"
"""The column `model` in records of methods that read a plain VAE."""


class Learner(Protocol):
    """scikit-learn's semi-supervised contract: y holds -1 where an item has no label, classes are codes 0 … n_classes - 1.

    A learner that sets `transduction_` in `fit` is scored on the pool by it, otherwise by `predict`.
    """

    def fit(self, x: Any, y: np.ndarray) -> Self:
        """Learn from the whole pool and the labels shown."""
        ...

    def predict(self, x: Any) -> np.ndarray:
        """Return the class of each item."""
        ...

    def predict_proba(self, x: Any) -> np.ndarray:
        """Return class probabilities (n, n_classes)."""
        ...


# What records say of representations that are not of the items alone.
_SEEN = {
    "posterior": "posterior",
    "latent": "latent",
    "latent-graph": "latent",
    "joint": "latent and pixels",
    "joint-graph": "latent and pixels",
    "several": "latent and pixels",
    "vae-mixture": "latent",
    "teachable": "latent and pixels",
}

# Model seeds of a usual run.
_SEEDS = 3

LearnerFactory = Callable[[int, int, int], Learner]
"""Takes n_classes, n_jobs and random_state."""


@dataclass(frozen=True)
class Method:
    """A learner with what it sees, and what it costs."""

    make: LearnerFactory
    representation: str
    """A name in `bench.judge.representations.REPRESENTATIONS`."""
    summary: str
    needs: Needs = "nothing"
    """`model`: a trained model. `models`: those of all model seeds, of one K. `vae`: a trained VAE of one component, and a number
    of clusters. `clusters`: that number and a seed, but no model of ours. Else `nothing`."""
    seconds: tuple[float, float] = (1.0, 0.0)
    """Rough time of a cell on 100,000 images and one core: fixed, and per label. Only for scheduling."""
    version: int = 1
    """Increase it when the results of the method change: then its cells are judged again, and all others are kept."""
    names_unasked: frozenset[int] = frozenset()
    """Classes that it may name though no label of them was shown."""
    tuned: bool = False
    """Whether it tunes its settings on the labels shown. That takes long, so only a run that names it has it."""
    slow: bool = False
    """Whether a cell takes minutes: then, too, only a run that names it has it."""

    @property
    def sees(self) -> str:
        """What the record's column `input` says."""
        return _SEEN.get(self.representation, "pixels")

    @property
    def unasked(self) -> bool:
        """Whether a run that names no methods has it."""
        return not (self.tuned or self.slow or self.needs == "models")

    def parts_of(self, clustering: Clustering | None) -> tuple[ModelKey | None, ...]:
        """Return the clusterings that what the method sees is made by, one view each."""
        return parts_of(self.needs, clustering)

    def model_for(self, part: ModelKey | None) -> ModelKey | None:
        """Return the trained model that the view made by one clustering is read from."""
        return model_for(self.needs, part)

    def models_read(self, clustering: Clustering | None) -> tuple[ModelKey, ...]:
        """Return the trained models that cells of a clustering read."""
        return models_read(self.needs, clustering)

    def models_for(self, clustering: Clustering | None, sampler: Sampler) -> frozenset[ModelKey]:
        """Return every trained model that cells of a clustering need: the method's, and the one that chooses the items."""
        return models_for(self.needs, clustering, looks=sampler.needs_model)

    def model_name(self, variant: str) -> str | None:
        """Return what the record's column `model` says in a run that trains `variant`."""
        return {"model": variant, "models": variant, "vae": PLAIN_VAE}.get(self.needs)

    def estimate_seconds(self, n_labeled: int, n_pool: int) -> float:
        """Return a rough time of one cell, for scheduling."""
        fixed, per_label = self.seconds
        return fixed * n_pool / 100_000 + per_label * n_labeled


def parts_of(needs: str, clustering: Clustering | None) -> tuple[ModelKey | None, ...]:
    """Return the clusterings that what a method sees is made by, one view each; a single `None` where it needs none."""
    return (None,) if clustering is None or needs == "nothing" else clustering.models


def model_for(needs: str, part: ModelKey | None) -> ModelKey | None:
    """Return the trained model that a view made by one clustering is read from."""
    if part is None or needs in ("nothing", "clusters"):
        return None
    return part.plain_vae if needs == "vae" else part


def models_read(needs: str, clustering: Clustering | None) -> tuple[ModelKey, ...]:
    """Return the trained models of a clustering that a method with such needs reads."""
    models = (model_for(needs, part) for part in parts_of(needs, clustering))
    return tuple(model for model in models if model is not None)


def models_for(needs: str, clustering: Clustering | None, *, looks: bool) -> frozenset[ModelKey]:
    """Return these and, for a sampler that looks at a model, the one that chooses the items."""
    chooser = clustering.chooser if looks and clustering is not None else None
    return frozenset(models_read(needs, clustering)) | ({chooser} if chooser is not None else frozenset())


def _decoder(decoder: type[LabelDecoder]) -> LearnerFactory:
    return lambda n_classes, _n_jobs, _random_state: decoder(n_classes)


def _baseline(module: str, name: str) -> LearnerFactory:
    def make(n_classes: int, n_jobs: int, random_state: int) -> Learner:
        # Loaded when used: listing the methods must not wait seconds for scikit-learn and XGBoost.
        learner: Learner = getattr(import_module(f"baselines.{module}"), name)(n_classes, n_jobs, random_state)
        return learner

    return make


def _soft_clusters(representation: str, summary: str) -> Method:
    return Method(_decoder(SoftDecoder), representation, summary, "clusters", (0.02, 0.0))


def _tuned(name: str, summary: str, seconds: tuple[float, float]) -> Method:
    return Method(_baseline("tuning", name), "pixels", summary, seconds=seconds, tuned=True)


def _student(name: str) -> LearnerFactory:
    def make(n_classes: int, n_jobs: int, random_state: int) -> Learner:
        # Loads torch.
        learner: Learner = getattr(import_module("bench.judge.student"), name)(n_classes, n_jobs, random_state)
        return learner

    return make


def _auto(n_classes: int, n_jobs: int, random_state: int) -> Learner:
    from bench.judge.chosen import ChosenLearner

    return ChosenLearner(n_classes, n_jobs, random_state)


def _ensemble(name: str, method: Method) -> Method:
    """Return the mean of a method's answers over the models of a run's seeds."""

    def make(n_classes: int, n_jobs: int, random_state: int) -> Learner:
        from bench.judge.ensemble import EnsembleLearner

        return EnsembleLearner(partial(method.make, n_classes, n_jobs), random_state)

    fixed, per_label = method.seconds
    return replace(
        method,
        make=make,
        summary=f"mean of what {name} says by the models of all seeds",
        needs="models",
        seconds=(_SEEDS * fixed, _SEEDS * per_label),
    )


_decodes = partial(Method, representation="posterior", needs="model", seconds=(0.02, 0.0))

METHODS: dict[str, Method] = {
    "soft": _decodes(_decoder(SoftDecoder), summary="GMVAE, soft decoding as in the paper"),
    "soft-bayes": _decodes(_decoder(SoftBayesDecoder), summary="GMVAE, class given cluster by Bayes' rule, smoothed"),
    "soft-shares": _decodes(
        _decoder(SoftSharesDecoder), summary="GMVAE, soft decoding with the classes' shares, as far as the labels tell them"
    ),
    "hard": _decodes(
        _decoder(HardDecoder), summary="GMVAE, majority vote as in the paper (no label: class 0)", names_unasked=frozenset({0})
    ),
    "hard-fallback": _decodes(
        _decoder(HardFallbackDecoder), summary="GMVAE, majority vote, ties by mass, unnamed clusters ask a neighbour", version=2
    ),
    "latent-logreg": Method(
        _baseline("linear", "LogisticBaseline"), "latent", "GMVAE latent means, logistic regression", "model", (0.03, 0.0)
    ),
    "latent-spreading": Method(
        _baseline("graph", "SpreadingBaseline"), "latent-graph", "GMVAE latent means, label spreading", "model", (6.0, 0.0), 3
    ),
    "joint-logreg": Method(
        _baseline("linear", "ScaledLogisticBaseline"),
        "joint",
        "GMVAE latent means and principal components, logistic regression",
        "model",
        (0.05, 0.0001),
    ),
    "joint-spreading": Method(
        _baseline("graph", "SpreadingBaseline"),
        "joint-graph",
        "GMVAE latent means and principal components, label spreading",
        "model",
        (6.0, 0.0),
        2,
    ),
    "latent-poisson": Method(
        _baseline("poisson", "PoissonBaseline"), "latent-graph", "GMVAE latent means, Poisson learning", "model", (12.0, 0.0)
    ),
    "latent-poisson-mbo": Method(
        _baseline("poisson", "PoissonMBOBaseline"),
        "latent-graph",
        "GMVAE latent means, Poisson learning with threshold dynamics",
        "model",
        (90.0, 0.0),
        slow=True,
    ),
    "latent-student": Method(
        _student("LatentStudentLearner"),
        "teachable",
        "GMVAE latent means, a network taught by label spreading that sees what it learns, and the mean of all",
        "model",
        (75.0, 0.0),
        2,
        slow=True,
    ),
    "auto": Method(
        _auto,
        "several",
        "GMVAE, the most trusted of four methods that tell hidden labels about as well as the best",
        "model",
        (14.0, 0.0005),
        2,
        tuned=True,
    ),
    "kmeans-soft": _soft_clusters("kmeans", "k-means on principal components, soft decoding"),
    "gmm-soft": _soft_clusters("mixture", "Gaussian mixture on principal components, soft decoding"),
    "vae-gmm-soft": Method(
        _decoder(SoftDecoder), "vae-mixture", "plain VAE, Gaussian mixture on its latent means, soft decoding", "vae", (0.02, 0.0)
    ),
    "label-spreading": Method(
        _baseline("graph", "SpreadingBaseline"), "pixel-graph", "label spreading on a k-NN graph", seconds=(6.0, 0.0), version=3
    ),
    "self-training": Method(
        _baseline("self_training", "SelfTrainingBaseline"), "pca", "logistic regression, self-training", seconds=(0.5, 0.0002)
    ),
    "knn": Method(_baseline("neighbors", "NeighborsBaseline"), "pca", "nearest labelled neighbours", seconds=(0.05, 0.0003)),
    "logreg": Method(
        _baseline("linear", "LogisticBaseline"), "pixels", "logistic regression, as in the paper", seconds=(0.3, 0.0004)
    ),
    "mlp": Method(_baseline("mlp", "MLPBaseline"), "pixels", "multilayer perceptron, as in the paper", seconds=(0.5, 0.0005)),
    "xgboost": Method(
        _baseline("boosting", "XGBoostBaseline"), "pixels", "gradient-boosted trees, as in the paper", seconds=(1.0, 0.02)
    ),
    "fixmatch": Method(
        _student("FixMatchLearner"),
        "viewable",
        "FixMatch: a network taught by its own sure guesses, from the items alone",
        seconds=(70.0, 0.0),
        slow=True,
    ),
    "logreg-tuned": _tuned("LogisticTuned", "logistic regression, tuned within the labels shown", (2.0, 0.05)),
    "mlp-tuned": _tuned("MLPTuned", "multilayer perceptron, tuned within the labels shown", (10.0, 0.1)),
    "xgboost-tuned": _tuned("XGBoostTuned", "gradient-boosted trees, tuned within the labels shown", (1.0, 0.5)),
}


METHODS |= {f"{name}-ensemble": _ensemble(name, METHODS[name]) for name in ("soft", "latent-spreading", "latent-student")}


def all_methods() -> dict[str, Method]:
    """Return the built-in methods and those that installed packages offer under `gmvae_bench.methods`."""
    return with_plugins(METHODS, ENTRY_POINTS, Method)


def select_methods(names: Iterable[str] | None) -> dict[str, Method]:
    """Return the methods of the given names, in that order; for `None` those that a run has unasked."""
    known = all_methods()
    if names is None:
        return {name: method for name, method in known.items() if method.unasked}
    chosen = {}
    for name in names:
        if name not in known:
            raise unknown_name("method", name, known)
        chosen[name] = known[name]
    return chosen
