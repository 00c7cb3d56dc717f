"""The record: one row of `records.parquet`, failures included."""

from dataclasses import dataclass
from typing import Literal

from bench.plan.cells import ALL_SEEDS, Cell, CellKey, Ensemble
from bench.plan.selection import WITHIN

Status = Literal["ok", "failed", "timeout"]


@dataclass(frozen=True)
class Origin:
    """What all records of one run share."""

    dataset: str
    dataset_sha256: str
    n_pool: int
    n_labels: int
    """Items of the pool whose label is known; percentages in budgets refer to it."""
    version: str
    """Of gmvae-bench."""
    training: str = ""
    """Fingerprint of the settings that models are trained with."""
    selected_by: str | None = None
    """The criterion by which a search chose those settings."""
    selection_labels: int | None = None
    """Labels that it read."""
    pretrained: str | None = None
    """The model, trained on other data, that made the items."""


@dataclass(frozen=True)
class Record:
    """The outcome of one cell; `None` where a column does not apply or the cell failed."""

    dataset: str
    dataset_sha256: str
    n_pool: int
    method: str
    input: str
    """What the method sees: `pixels`, `posterior` or `latent`."""
    model: str | None
    """The trained variant, e.g. `gmvae`; `None` for methods that need no model of ours."""
    n_components: int | None
    model_seed: int | None
    """Of the clustering that the method decodes, or that chose the items; `None` where there is neither. An ensemble has only the
    latter."""
    budget: str
    """As asked: `291`, `7%`."""
    n_labeled: int
    labeled_fraction: float
    sampler: str
    label_seed: int
    method_seed: int
    accuracy: float | None
    """Transductive: share of right classes on the pool's items whose label was not shown."""
    accuracy_test: float | None
    """Inductive: the same on held-out items."""
    macro_accuracy: float | None
    """Transductive, mean over classes."""
    clusters_covered: int | None
    """Clusters (argmax) that hold a labelled item."""
    classes_seen: int | None
    """Classes among the labels shown."""
    fit_seconds: float | None
    predict_seconds: float | None
    status: Status
    error: str | None
    host: str
    version: str
    cell_id: str | None = None
    """Identity of the cell (`bench.judge.identity`): a cell whose identity has an `ok` record is never judged again."""
    selection: str | None = None
    """How the method's settings were chosen: the criterion of a search, or `cross-validation` within the labels shown; `None` for
    the defaults."""
    selection_labels: int | None = None
    """Labels that the choice took."""
    shown: str | None = None
    """Fingerprint of the items whose labels were shown: draws with the same fingerprint are one observation."""
    cpu_seconds: float | None = None
    """Processor time of all threads, to fit and to predict the pool."""
    view_cpu_seconds: float | None = None
    """Processor time of what the method sees (a graph, clusters; not a trained model), made once for all cells that share it."""
    peak_bytes: int | None = None
    """Most memory while fitting and predicting, beyond what the process held before, which includes data and view."""
    needs: str | None = None
    """What the method needs: `nothing`, `clusters`, `model`, `models` or `vae`; said here so that reading needs no plug-in."""
    oracle: bool | None = None
    """Whether the sampler reads labels that no user has."""
    pretrained: str | None = None
    """The model, trained on other data, that made the items; `None` if none did."""
    models: str | None = None
    """Seeds of the models that an ensemble averages: `0,1,2`."""
    supervision: str | None = None
    """What is wrong with the labels shown: `noise 0.1, unseen 2`; `None` if nothing is."""
    predictions: bytes | None = None
    """The class said of each item (`bench.judge.predictions`), where the run keeps them: in files beside the table."""

    @property
    def key(self) -> CellKey:
        """`Cell.key` of the cell."""
        k, seed = (-1 if value is None else value for value in (self.n_components, self.model_seed))
        return self.method, k, seed, self.sampler, self.n_labeled, self.label_seed, self.supervision or ""


@dataclass(frozen=True)
class Outcome:
    """The measured part of a record."""

    accuracy: float | None = None
    accuracy_test: float | None = None
    macro_accuracy: float | None = None
    clusters_covered: int | None = None
    classes_seen: int | None = None
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    shown: str | None = None
    cpu_seconds: float | None = None
    view_cpu_seconds: float | None = None
    peak_bytes: int | None = None
    predictions: bytes | None = None
    status: Status = "ok"
    error: str | None = None


def make_record(
    cell: Cell,
    origin: Origin,
    *,
    sees: str,
    model: str | None,
    host: str,
    outcome: Outcome,
    cell_id: str | None = None,
    tuned: bool = False,
    chosen: bool = False,
    needs: str = "nothing",
    oracle: bool = False,
) -> Record:
    """Join what identifies a cell with what was measured.

    `tuned` methods choose their settings by the labels they are shown; `chosen` says that a model chose the items. `needs` and
    `oracle` are those of method and sampler.
    """
    ours = model is not None or chosen
    selection, selection_labels = (origin.selected_by, origin.selection_labels) if ours else (None, None)
    if tuned:
        selection, selection_labels = WITHIN, cell.budget.n_labeled
    clustering = cell.clustering
    return Record(
        dataset=origin.dataset,
        dataset_sha256=origin.dataset_sha256,
        n_pool=origin.n_pool,
        method=cell.method,
        input=sees,
        model=model,
        n_components=clustering.n_components if clustering else None,
        model_seed=None if clustering is None or clustering.model_seed == ALL_SEEDS else clustering.model_seed,
        budget=cell.budget.asked,
        n_labeled=cell.budget.n_labeled,
        labeled_fraction=cell.budget.n_labeled / origin.n_labels,
        sampler=cell.sampler,
        label_seed=cell.label_seed,
        method_seed=cell.method_seed,
        host=host,
        version=origin.version,
        cell_id=cell_id,
        selection=selection,
        selection_labels=selection_labels,
        needs=needs,
        oracle=oracle,
        pretrained=origin.pretrained,
        models=",".join(str(key.model_seed) for key in clustering.models) if isinstance(clustering, Ensemble) else None,
        supervision=cell.supervision.text or None,
        **vars(outcome),
    )
