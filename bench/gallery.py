"""Wires a finished run to its figures: computes what each shows, draws it, and says what it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from matplotlib.figure import Figure

from bench.data.dataset import Dataset
from bench.judge.inspection import Inspection, imagine, latent_map, summarise_clusters
from bench.plan.cells import ModelKey
from bench.show.figures import label_efficiency
from bench.show.model_figures import (
    class_gain_figure,
    clusters_figure,
    confusion_figure,
    explanation_figure,
    latent_figure,
    training_figure,
)
from bench.show.record_figures import components_figure, coverage_figure, difference_figure
from bench.stats.cluster_coverage import covered_probabilities, observed_coverage
from bench.stats.comparison import selection_notes
from bench.stats.costs import TrainingCost, training_costs
from bench.stats.curves import curves
from bench.stats.paired import paired_differences
from bench.stats.seeds import of_one_kind, seed_tables
from bench.store.described import read_clusters, read_history
from bench.store.folder import StoredRun
from bench.store.models import load_encoded
from bench.store.presence import is_exported, is_trained, model_folder, model_keys
from gmvae.checkpoint import load

_MAP_ITEMS, _FEW_ITEMS = 1_200, 10
_MAX_CLUSTERS, _SAMPLES = 100, 6
_MANY_LINES = 24
# Labels of the figures that show one draw: about three per component, where decoders still differ.
_LABELS_PER_COMPONENT = 3


@dataclass(frozen=True)
class Drawing:
    """A figure with its name and what it shows, in words that serve a reader who cannot see it."""

    name: str
    caption: str
    figure: Figure


class Gallery:
    """Figures of one run; those that a run has nothing for are left out.

    Parameters
    ----------
    dataset
        The run's data, for figures that need items or labels; `None` leaves those out.
    records
        The run's records, or some methods' only.
    n_labeled
        Labels in the figures of one draw; `None` chooses the run's budget nearest to three per component.
    """

    def __init__(self, stored: StoredRun, dataset: Dataset | None, records: pd.DataFrame, n_labeled: int | None = None) -> None:
        self.stored = stored
        self.dataset = dataset
        self.records = records
        self.selections = selection_notes(records)
        self.about = self.about_of(records)
        self._n_labeled = n_labeled
        self._sizes: dict[ModelKey, Int[np.ndarray, " k"]] = {}

    def about_of(self, records: pd.DataFrame) -> str:
        """Say what some records are of, and how the settings of their methods were chosen."""
        dataset = self.stored.dataset
        about = str(dataset.get("note") or f"{dataset['name']}, {dataset['n_pool']:,} items")
        return "\n".join([about, *selection_notes(records)])

    @property
    def about_models(self) -> str:
        """What the records that rest on a clustering are of."""
        return self.about_of(self.records[self.records["n_components"].notna()])

    @property
    def described(self) -> dict[str, Any]:
        """What `dataset.json` says, with what a reader must know of these records."""
        return self.stored.dataset | {"note": self.about}

    @cached_property
    def models(self) -> tuple[ModelKey, ...]:
        """The models that records speak of, the largest K first: trained ones, and those an export has history and sizes of."""
        known = self.records.dropna(subset=["n_components"])[["n_components", "model_seed"]].drop_duplicates().astype(int)
        keys = (ModelKey(int(k), int(seed)) for k, seed in known.itertuples(index=False, name=None))
        folder = self.stored.folder
        there = (key for key in keys if is_trained(folder, key) or is_exported(folder, key))
        return tuple(sorted(there, key=lambda key: (-key.n_components, key.model_seed)))

    @cached_property
    def keys(self) -> tuple[ModelKey, ...]:
        """The run's trained models, the largest K first."""
        return tuple(key for key in self.models if is_trained(self.stored.folder, key))

    @cached_property
    def inspection(self) -> Inspection | None:
        """The first model with the first draw of labels."""
        if self.dataset is None or not self.keys:
            return None
        budgets = sorted(self.records["n_labeled"].unique())
        aim = self._n_labeled or _LABELS_PER_COMPONENT * self.keys[0].n_components
        n_labeled = self._n_labeled or int(min(budgets, key=lambda n: abs(np.log(n / aim))))
        encoded, _ = load_encoded(self.stored.folder, self.keys[0])
        return Inspection(encoded.posterior, self.dataset, n_labeled, int(self.records["label_seed"].min()))

    def sizes(self, key: ModelKey) -> Int[np.ndarray, " k"]:
        """Return the items per cluster (argmax) of a model: those that can get a label, where the data are at hand."""
        if key not in self._sizes and is_exported(self.stored.folder, key):
            self._sizes[key] = read_clusters(self.stored.folder, key)
        if key not in self._sizes:
            assignment = load_encoded(self.stored.folder, key)[0].posterior.argmax(axis=1)
            if self.dataset is not None:
                assignment = assignment[self.dataset.labels >= 0]
            self._sizes[key] = np.bincount(assignment, minlength=key.n_components)
        return self._sizes[key]

    def histories(self) -> dict[ModelKey, pd.DataFrame]:
        """Return the history of every model of the run that has one, plain VAEs among them: a row an epoch."""
        found = ((key, read_history(self.stored.folder, key)) for key in model_keys(self.stored.folder))
        return {key: history for key, history in found if history is not None}

    def training_costs(self) -> tuple[TrainingCost, ...]:
        """Return what the run's trainings cost, by number of components."""
        found: dict[int, list[pd.DataFrame]] = {}
        for key, history in self.histories().items():
            found.setdefault(key.n_components, []).append(history)
        return training_costs(found)

    def draw(self, names: tuple[str, ...] | None = None) -> Iterator[Drawing]:
        """Yield the figures of the given names, or all of them, each drawn when it is asked for."""
        for name, (make, caption) in FIGURES.items():
            if names is None or name in names:
                figure = make(self)
                if figure is not None:
                    yield Drawing(name, caption, figure)

    @property
    def of_draw(self) -> str:
        """What a figure of `inspection` is of."""
        look = self.inspection
        labels = f", {look.n_labeled:,} labels (draw {look.label_seed})" if look else ""
        return f"{self.stored.dataset['name']}: {self.keys[0].id}{labels}"


def curves_figure(gallery: Gallery, metric: str = "accuracy") -> Figure:
    """Draw a metric against the number of labels, a line per method, sampler and K, or of one K where that were too many."""
    found = curves(gallery.records, metric)
    if found["label"].nunique() <= _MANY_LINES or found["n_components"].nunique() < 2:
        return label_efficiency(found, gallery.described, metric)
    # No one can follow so many lines: those of one K, which most methods have.
    methods = found.dropna(subset=["n_components"]).groupby("n_components")["method"].nunique()
    k = max(methods.index, key=lambda k: (methods[k], k))
    records = gallery.records[(gallery.records["n_components"] == k) | gallery.records["n_components"].isna()]
    return label_efficiency(curves(records, metric), gallery.described | {"note": f"{gallery.about}; K = {k}"}, metric)


def _soft_minus_hard(gallery: Gallery) -> Figure | None:
    tables = [
        table
        for table in seed_tables(of_one_kind(gallery.records), "accuracy")
        if table.method in ("soft", "hard", "hard-fallback", "soft-bayes")
    ]
    largest = max((table.n_components or 0 for table in tables), default=0)
    of_largest = [table for table in tables if table.n_components == largest]
    reference = next((table for table in of_largest if table.method == "hard"), None)
    found = paired_differences(of_largest, [reference]) if reference else ()
    return difference_figure(found, "hard", f"{gallery.about_models}; K = {largest}") if found else None


def _accuracy_by_components(gallery: Gallery) -> Figure | None:
    tables = [table for table in seed_tables(of_one_kind(gallery.records), "accuracy") if table.n_components is not None]
    if len({table.n_components for table in tables}) < 2:
        return None
    shared = sorted(set.intersection(*(set(table.budgets) for table in tables)))
    return components_figure(tables, shared[len(shared) // 2], gallery.about_models) if shared else None


def _class_gain(gallery: Gallery) -> Figure | None:
    look = gallery.inspection
    if look is None:
        return None
    return class_gain_figure(look.class_gains(), look.dataset.class_names, gallery.of_draw)


def _confusion(gallery: Gallery) -> Figure | None:
    look = gallery.inspection
    if look is None:
        return None
    return confusion_figure(look.confusion(), look.dataset.class_names, gallery.of_draw)


def _clusters(gallery: Gallery) -> Figure | None:
    look, dataset = gallery.inspection, gallery.dataset
    if look is None or dataset is None or dataset.image_shape is None:
        return None
    key = gallery.keys[0]
    summaries = summarise_clusters(look.posterior.assignment, dataset, key.n_components)[:_MAX_CLUSTERS]
    model = load(model_folder(gallery.stored.folder, key), device="cpu").model
    pictures = imagine(model, [summary.component for summary in summaries], _SAMPLES)
    shaped = pictures.reshape(*pictures.shape[:2], *dataset.image_shape)
    return clusters_figure(
        summaries, shaped, dataset.class_names, f"{gallery.stored.dataset['name']}: clusters of {key.id}, the largest first"
    )


def _latent_map(gallery: Gallery) -> Figure | None:
    if gallery.inspection is None or gallery.dataset is None or len(gallery.dataset.pool) < _FEW_ITEMS:
        return None
    encoded, _ = load_encoded(gallery.stored.folder, gallery.keys[0])
    known = np.flatnonzero(gallery.dataset.labels >= 0)
    items, places = latent_map(encoded.latent[known], _MAP_ITEMS)
    title = (
        f"{gallery.stored.dataset['name']}: latent means of {gallery.keys[0].id} (t-SNE of {len(items):,} items), by true class"
    )
    return latent_figure(places, gallery.dataset.labels[known][items], gallery.dataset.class_names, title)


def _coverage(gallery: Gallery) -> Figure | None:
    if not gallery.models:
        return None
    k = gallery.models[0].n_components
    observed = [row for row in observed_coverage(gallery.records) if row.n_components == k]
    sizes = [gallery.sizes(key) for key in gallery.models if key.n_components == k]
    most = max(10 * k, max((row.n_labeled for row in observed), default=0))
    labels = [int(n) for n in np.unique(np.geomspace(max(1, k // 10), min(most, sizes[0].sum()), 60).astype(int))]
    covered = [float(np.mean([covered_probabilities(s, n, replacement=False).sum() for s in sizes])) for n in labels]
    return coverage_figure(k, labels, covered, observed, gallery.about_models)


def _training(gallery: Gallery) -> Figure | None:
    histories = {key.id: history for key, history in gallery.histories().items() if key in gallery.models}
    return training_figure(histories, f"{gallery.stored.dataset['name']}: training") if histories else None


def _explanation(gallery: Gallery) -> Figure | None:
    look = gallery.inspection
    item = look.find_saved() if look else None
    if look is None or item is None:
        return None
    shape = look.dataset.image_shape
    picture = look.dataset.pool[item].reshape(shape) if shape else None
    return explanation_figure(look.explain(item), picture, look.dataset.class_names)


FIGURES: Mapping[str, tuple[Callable[[Gallery], Figure | None], str]] = {
    "label-efficiency": (
        curves_figure,
        "Accuracy on the unlabelled rest against the number of labels shown, a line per method with its 95 % interval.",
    ),
    "soft-minus-hard": (
        _soft_minus_hard,
        "How many points of accuracy the other decoders gain over hard decoding, by number of labels.",
    ),
    "accuracy-by-components": (_accuracy_by_components, "Accuracy against K, the number of components."),
    "class-gain": (
        _class_gain,
        "For each class: what soft decoding gains over hard, against how spread its items' posteriors are.",
    ),
    "confusion": (_confusion, "Which classes soft decoding takes for which, as shares of the true class."),
    "clusters": (
        _clusters,
        "Each cluster as the model imagines it: the mean, then samples; with its commonest class, purity and size.",
    ),
    "latent-map": (_latent_map, "The latent space in two dimensions, each item drawn by its true class."),
    "coverage": (_coverage, "Clusters that hold a label against the number of random labels: predicted and observed."),
    "training": (_training, "How the training went, by epoch: terms of the bound, live components, certainty, speed."),
    "explanation": (_explanation, "One item that hard decoding gets wrong and soft decoding right, and why."),
}
