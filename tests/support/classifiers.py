"""Classifiers of digits and wines, with the learners that they were made from."""

from functools import cache

import numpy as np

from bench.classifier.classifier import About, Classifier
from bench.classifier.make import make_network
from bench.data.dataset import Dataset
from bench.data.registry import load_dataset
from bench.engine.steps import represent
from bench.judge.methods import METHODS, Learner
from bench.plan.cells import Clustering, Ensemble, ModelKey
from gmvae import GMVAE
from gmvae.model import GaussianMixtureVAE
from gmvae.posteriors import Encoded, encode

KEYS = (ModelKey(12, 0), ModelKey(12, 1))
N_LABELED = 150


@cache
def data(name: str) -> Dataset:
    return load_dataset(name, holdout="0.25")


@cache
def model(name: str, key: ModelKey) -> tuple[GaussianMixtureVAE, Encoded, Encoded]:
    dataset = data(name)
    fitted = GMVAE(key.n_components, epochs=4, random_state=key.model_seed, device="cpu", image_shape=dataset.image_shape)
    network = fitted.fit(dataset.pool).model_.eval()
    assert dataset.test is not None
    return network, encode(network, dataset.pool), encode(network, dataset.test)


def taken(name: str, method_name: str, y: np.ndarray | None = None) -> tuple[Learner, np.ndarray, np.ndarray, Classifier]:
    """A learner, what it says of held-out items, and the classifier that was made from it."""
    dataset, method = data(name), METHODS[method_name]
    clustering: Clustering = Ensemble(KEYS) if method.needs == "models" else KEYS[0]
    read = method.models_read(clustering)
    view = represent(method, clustering, dataset, None, *(model(name, key)[1:] for key in read))
    y = some_labels(dataset) if y is None else y
    learner = method.make(dataset.n_classes, 1, 0).fit(view.pool, y)
    models = {key: model(name, key)[:2] for key in {*read, KEYS[0]}}
    network = make_network(method, learner, view.pool, clustering, KEYS[0], models, dataset)
    labels = dict(zip(dataset.class_names, np.bincount(y[y >= 0], minlength=dataset.n_classes).tolist(), strict=True))
    about = About(dataset.name, dataset.sha256, len(dataset.pool), method_name, (KEYS[0].id,), labels, "1.2.3")
    said, proba = learner.predict(view.test), learner.predict_proba(view.test)
    return learner, said, proba, Classifier(dataset.class_names, about, dataset.form, network)


def some_labels(dataset: Dataset) -> np.ndarray:
    n = min(N_LABELED, len(dataset.pool) // 3)
    return dataset.shown(np.random.default_rng(0).permutation(len(dataset.pool))[:n])
