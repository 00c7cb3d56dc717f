"""Representations: what a method sees of a pool, computed without labels, once for all budgets and label seeds."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from jaxtyping import Float

from baselines.base import to_float
from baselines.graph import NeighborGraph, neighbor_graphs
from baselines.representation import (
    N_COMPONENTS_EMBEDDING,
    Components,
    fit_components,
    fit_kmeans,
    fit_mixture,
    unit_scale,
)
from bench.errors import DataError
from bench.plan.cells import ModelKey
from gmvae.config import Views
from gmvae.decoding import Posterior
from gmvae.kinds import are_embeddings, views_for
from gmvae.likelihoods import likelihood_for
from gmvae.posteriors import Encoded


@dataclass(frozen=True)
class View:
    """One representation of the pool and, where there are any, of the held-out items."""

    pool: Any
    test: Any | None
    cpu_seconds: float = 0.0
    """Processor time that it took, including a parent's but not a trained model's."""


@dataclass(frozen=True)
class Several:
    """Several representations of the same items."""

    views: Mapping[str, Any]
    """By their names in `REPRESENTATIONS`, or by the models that they are made by."""

    def __len__(self) -> int:
        return len(next(iter(self.views.values())))

    @property
    def shape(self) -> tuple[int]:
        """The number of items."""
        return (len(self),)


def side_by_side(views: Mapping[str, View]) -> View:
    """Return several views of the same items as one."""
    pool = Several({name: view.pool for name, view in views.items()})
    tests = {name: view.test for name, view in views.items() if view.test is not None}
    return View(pool, Several(tests) if tests else None, sum(view.cpu_seconds for view in views.values()))


@dataclass(frozen=True)
class Viewable:
    """Items with what it takes to draw random views of them (`gmvae.augmentation`)."""

    items: np.ndarray
    """As in `pixels`."""
    image_shape: tuple[int, ...] | None
    views: Views

    def __len__(self) -> int:
        return len(self.items)

    @property
    def shape(self) -> tuple[int]:
        """The number of items."""
        return (len(self),)


@dataclass(frozen=True)
class Teachable(Viewable):
    """Such items beside what a trained model makes of them."""

    latent: Float[np.ndarray, "n z"]
    graph: NeighborGraph
    """Of `latent`."""


@dataclass(frozen=True)
class Source:
    """What a representation may be computed from. No labels."""

    pool: np.ndarray
    test: np.ndarray | None
    clustering: ModelKey | None = None
    encoded: tuple[Encoded, Encoded | None] | None = None
    """What the method's model (`Method.models_read`) made of pool and held-out items."""
    image_shape: tuple[int, ...] | None = None
    """Height and width, and the number of colours if there are several, when an item is an image."""

    @cached_property
    def viewable(self) -> View:
        """Items of which random views can be drawn; made once for all models that they are shown beside."""
        view, views = pixels(self), views_for(self.pool, self.image_shape)
        make = partial(Viewable, image_shape=self.image_shape, views=views)
        return View(make(view.pool), None if view.test is None else make(view.test))


@dataclass(frozen=True, eq=False)
class Standard:
    """Standardises values by the mean and deviation of a pool."""

    mean: Float[np.ndarray, " d"]
    scale: Float[np.ndarray, " d"]

    def __call__(self, items: np.ndarray) -> Float[np.ndarray, "n d"]:
        """Return standardised items."""
        return np.asarray((items - self.mean) / self.scale)


def standard_of(pool: np.ndarray) -> Standard | None:
    """Return what standardises a pool; `None` for bytes and values in [0, 1], which stay as they are."""
    if likelihood_for(pool) == "bernoulli":
        return None
    mean, scale = pool.mean(axis=0, dtype=np.float64).astype(np.float32), pool.std(axis=0, dtype=np.float64).astype(np.float32)
    scale[scale == 0] = 1
    return Standard(mean, scale)


def pixels(source: Source) -> View:
    """Bytes and values in [0, 1] as they are; other values standardised by the pool's mean and deviation."""
    return _view(source, standard_of(source.pool) or (lambda items: items))


def components_of(source: Source) -> Components:
    """Return what projects on the leading principal components of the pool: of embeddings as they are, else of `pixels`."""
    if are_embeddings(source.pool):
        # Standardised features would give a direction that hardly varies the weight of one that tells much.
        return fit_components(source.pool, n_components=N_COMPONENTS_EMBEDDING)
    return fit_components(pixels(source).pool)


def pca(source: Source, project: Components | None = None) -> View:
    """Leading principal components, by what was fitted before or is now."""
    seen = View(source.pool, source.test) if are_embeddings(source.pool) else pixels(source)
    return _view(seen, project or components_of(source))


def pixel_graph(_: Source, components: View) -> View:
    """Nearest-neighbour graph on principal components."""
    return _graph(components)


def kmeans(source: Source, components: View) -> View:
    """Cluster probabilities by k-means on principal components."""
    return _clusters(source, components, fit_kmeans)


def mixture(source: Source, components: View) -> View:
    """Cluster probabilities by a Gaussian mixture on principal components."""
    return _clusters(source, components, fit_mixture)


def posterior(source: Source) -> View:
    """q(c|x) of a trained model."""
    pool, test = _encoded(source)
    return View(Posterior(pool.posterior), None if test is None else Posterior(test.posterior))


def latent(source: Source) -> View:
    """Latent means of a trained model."""
    pool, test = _encoded(source)
    return View(to_float(pool.latent), None if test is None else to_float(test.latent))


def vae_mixture(source: Source) -> View:
    """Cluster probabilities by a Gaussian mixture on the latent means of a plain VAE."""
    return _clusters(source, latent(source), fit_mixture)


def joint(source: Source, components: View) -> View:
    """Latent means beside principal components, each scaled to a total variance of 1 over the pool."""
    means = latent(source)
    scales = [unit_scale(view.pool) for view in (means, components)]

    def beside(parts: list[np.ndarray]) -> np.ndarray:
        return np.hstack([part * scale for part, scale in zip(parts, scales, strict=True)])

    held_out = [view.test for view in (means, components) if view.test is not None]
    return View(beside([means.pool, components.pool]), beside(held_out) if held_out else None)


def joint_graph(source: Source, components: View) -> View:
    """Nearest-neighbour graph on latent means beside principal components."""
    return _graph(joint(source, components))


def several(source: Source, components: View) -> View:
    """Make what each of the candidates of `bench.judge.chosen` sees."""
    beside = joint(source, components)
    return side_by_side(
        {"posterior": posterior(source), "joint": beside, "latent-graph": latent_graph(source), "joint-graph": _graph(beside)}
    )


def latent_graph(source: Source) -> View:
    """Nearest-neighbour graph on latent means."""
    return _graph(latent(source))


def viewable(source: Source) -> View:
    """Items of which random views can be drawn."""
    return source.viewable


def latent_and_graph(source: Source) -> View:
    """Latent means, and their nearest-neighbour graph."""
    means = latent(source)
    graphs = _graph(means)
    return View((means.pool, graphs.pool), None if means.test is None else (means.test, graphs.test))


def teachable(source: Source, view: View) -> View:
    """Items of which random views can be drawn, beside `latent_and_graph`."""

    def beside(items: Viewable, of_model: tuple[np.ndarray, NeighborGraph]) -> Teachable:
        return Teachable(items.items, items.image_shape, items.views, *of_model)

    items = source.viewable
    test = None if items.test is None or view.test is None else beside(items.test, view.test)
    return replace(view, pool=beside(items.pool, view.pool), test=test)


@dataclass(frozen=True)
class Representation:
    """A way to see a pool, from the source alone or from another representation that several share."""

    make: Callable[..., View]
    """Takes the source, and the parent's view where there is a parent."""
    parent: str | None = None
    """A name in `REPRESENTATIONS`; the parent itself has none, and depends on no clustering."""
    complete: Callable[[Source, View], View] = lambda _, view: view
    """Adds what is quickly made where the view is read, and would take much room where it is kept."""

    def __call__(self, source: Source, parent: View | None = None) -> View:
        """Compute the view; a parent's view that is not given is computed too."""
        return self.complete(source, self.kept(source, parent))

    def kept(self, source: Source, parent: View | None = None) -> View:
        """Compute what is worth keeping of the view."""
        begun = time.process_time()
        if self.parent is None:
            view: View = self.make(source)
            return replace(view, cpu_seconds=time.process_time() - begun)
        before = parent.cpu_seconds if parent else 0.0
        view = self.make(source, parent or REPRESENTATIONS[self.parent](source))
        return replace(view, cpu_seconds=before + time.process_time() - begun)


REPRESENTATIONS: dict[str, Representation] = {
    "pixels": Representation(pixels),
    "pca": Representation(pca),
    "pixel-graph": Representation(pixel_graph, "pca"),
    "kmeans": Representation(kmeans, "pca"),
    "mixture": Representation(mixture, "pca"),
    "posterior": Representation(posterior),
    "latent": Representation(latent),
    "latent-graph": Representation(latent_graph),
    "joint": Representation(joint, "pca"),
    "joint-graph": Representation(joint_graph, "pca"),
    "several": Representation(several, "pca"),
    "vae-mixture": Representation(vae_mixture),
    "viewable": Representation(viewable),
    "teachable": Representation(latent_and_graph, complete=teachable),
}

# Made where they are read: sharing them would store the whole data set a second time.
FREE = frozenset({"pixels", "viewable"})


def _graph(view: View) -> View:
    return View(*neighbor_graphs(view.pool, view.test))


def _view(of: Source | View, look: Callable[[np.ndarray], Any]) -> View:
    return View(look(of.pool), None if of.test is None else look(of.test))


def _clusters(source: Source, components: View, fit: Callable[..., Callable[[np.ndarray], np.ndarray]]) -> View:
    if source.clustering is None:
        raise DataError("a clustering needs a number of components and a seed")
    clusters = fit(components.pool, source.clustering.n_components, source.clustering.model_seed)
    return _view(components, lambda items: Posterior(clusters(items)))


def _encoded(source: Source) -> tuple[Encoded, Encoded | None]:
    if source.encoded is None:
        raise DataError("this representation needs a trained model")
    return source.encoded
