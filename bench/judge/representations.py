"""Representations: what a method sees of a pool, computed without labels, once for all budgets and label seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.base import to_float
from baselines.graph import neighbor_graphs
from baselines.representation import kmeans_posterior, mixture_posterior, principal_components
from bench.errors import DataError
from bench.plan.cells import ModelKey
from gmvae.decoding import Posterior
from gmvae.posteriors import Encoded


@dataclass(frozen=True)
class View:
    """One representation of the pool and, where there are any, of the held-out items."""

    pool: Any
    test: Any | None


@dataclass(frozen=True)
class Source:
    """What a representation may be computed from. No labels."""

    pool: np.ndarray
    test: np.ndarray | None
    clustering: ModelKey | None = None
    encoded: tuple[Encoded, Encoded | None] | None = None
    """What the model of `clustering` made of pool and held-out items."""


def pixels(source: Source) -> View:
    """Bytes and values in [0, 1] as they are; other values standardised by the pool's mean and deviation."""
    pool, test = source.pool, source.test
    if pool.dtype == np.uint8 or (pool.min() >= 0 and pool.max() <= 1):
        return View(pool, test)
    mean, scale = pool.mean(axis=0, dtype=np.float64), pool.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1

    def standardise(x: np.ndarray) -> np.ndarray:
        standardised: np.ndarray = ((x - mean) / scale).astype(np.float32)
        return standardised

    return View(standardise(pool), None if test is None else standardise(test))


def pca(source: Source) -> View:
    """Leading principal components."""
    view = pixels(source)
    return View(*principal_components(view.pool, view.test))


def pixel_graph(source: Source) -> View:
    """Nearest-neighbour graph on principal components."""
    view = pca(source)
    return View(*neighbor_graphs(view.pool, view.test))


def kmeans(source: Source) -> View:
    """Cluster probabilities by k-means on principal components."""
    return _clusters(source, kmeans_posterior)


def mixture(source: Source) -> View:
    """Cluster probabilities by a Gaussian mixture on principal components."""
    return _clusters(source, mixture_posterior)


def posterior(source: Source) -> View:
    """q(c|x) of a trained model."""
    pool, test = _encoded(source)
    return View(Posterior(pool.posterior), None if test is None else Posterior(test.posterior))


def latent(source: Source) -> View:
    """Latent means of a trained model."""
    pool, test = _encoded(source)
    return View(to_float(pool.latent), None if test is None else to_float(test.latent))


def latent_graph(source: Source) -> View:
    """Nearest-neighbour graph on latent means."""
    view = latent(source)
    return View(*neighbor_graphs(view.pool, view.test))


REPRESENTATIONS: dict[str, Callable[[Source], View]] = {
    "pixels": pixels,
    "pca": pca,
    "pixel-graph": pixel_graph,
    "kmeans": kmeans,
    "mixture": mixture,
    "posterior": posterior,
    "latent": latent,
    "latent-graph": latent_graph,
}

# Made where they are read: sharing them would store the whole data set a second time.
FREE = frozenset({"pixels"})


def _clusters(source: Source, cluster: Callable[..., tuple[np.ndarray, np.ndarray | None]]) -> View:
    if source.clustering is None:
        raise DataError("a clustering needs a number of components and a seed")
    view = pca(source)
    pool, test = cluster(view.pool, view.test, source.clustering.n_components, source.clustering.model_seed)
    return View(Posterior(pool), None if test is None else Posterior(test))


def _encoded(source: Source) -> tuple[Encoded, Encoded | None]:
    if source.encoded is None:
        raise DataError("this representation needs a trained model")
    return source.encoded
