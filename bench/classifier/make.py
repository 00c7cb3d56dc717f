"""A classifier of a pool and a method that was fitted on a few of its labels."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from bench.classifier.heads import Mean
from bench.classifier.network import Network
from bench.classifier.novelty import Distance
from bench.classifier.parts import Part, Parts
from bench.classifier.sight import Model
from bench.classifier.take import Taker
from bench.data.dataset import Dataset
from bench.judge.ensemble import EnsembleLearner
from bench.judge.methods import Learner, Method
from bench.judge.representations import REPRESENTATIONS, Source
from bench.plan.cells import Clustering, ModelKey
from gmvae.model import GaussianMixtureVAE
from gmvae.posteriors import Encoded


def make_network(
    method: Method,
    learner: Learner,
    pool_view: Any,
    clustering: Clustering,
    main: ModelKey,
    models: Mapping[ModelKey, tuple[GaussianMixtureVAE, Encoded]],
    dataset: Dataset,
    temperature: float = 1.0,
) -> Network:
    """Return what goes from raw items to classes, as a learner that was fitted on a pool does.

    Parameters
    ----------
    pool_view
        What the learner saw of the pool.
    clustering
        What that was made by: a model, or several.
    main
        The model whose clusters are told, and in whose latents items are compared with the training data.
    models
        Trained models with what they make of the pool: all that the method reads, and the main one.

    Raises
    ------
    SettingsError
        If the method's learner does not say what it has learnt.
    """

    @cache
    def taker(key: ModelKey | None, model: ModelKey | None) -> Taker:
        encoded = None if model is None else (models[model][1], None)
        return Taker(Source(dataset.pool, None, key, encoded, dataset.image_shape))

    heads: dict[str, Part] = {}
    shared: dict[str, Part] = {key.id: Model(network) for key, (network, _) in models.items()}
    for key in method.parts_of(clustering):
        taking = taker(key, method.model_for(key))
        if isinstance(learner, EnsembleLearner) and key is not None:
            one, view = learner.learners_[key.id], pool_view.views[key.id]
            heads[key.id] = taking.take(one, method.representation, view, key, f"-{key.id}")
        else:
            heads["head"] = taking.take(learner, method.representation, pool_view, key)
        shared |= taking.students
    beside = taker(main, main)
    points = REPRESENTATIONS["joint"](beside.source, beside.components).pool
    return Network(
        shared=Parts(**shared),
        head=Mean(heads=Parts(**heads)) if len(heads) > 1 else heads.popitem()[1],
        model=main.id,
        novelty=Distance.fitted(beside.look("joint", main), np.asarray(points, np.float32)),
        temperature=temperature,
    ).eval()
