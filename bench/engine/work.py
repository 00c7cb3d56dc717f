"""The work of a run, divided into trainings and batches of cells."""

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from bench.data.dataset import Dataset
from bench.judge.methods import Method
from bench.judge.record import Origin, Record, Status
from bench.plan.cells import Cell, Clustering, ModelKey
from bench.plan.samplers.base import Sampler
from bench.plan.supervision import Supervision
from bench.store.storage import Storage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.training import EpochStats

# Large enough to make the cost of scheduling negligible, and small enough that an interruption loses little.
_BATCH_SECONDS, _BATCH_CELLS = 20.0, 50


ViewKey = tuple[str, ModelKey | None]
"""A representation, and the clustering that it is made by."""


OrderKey = tuple[ModelKey | None, str, Supervision]
"""What decides, with the label seed, which items are labelled: the model that chooses, if one does, sampler and supervision."""


@dataclass(frozen=True)
class TrainingJob:
    """One model to train."""

    key: ModelKey
    model: ModelConfig
    training: TrainingConfig
    device: str
    cpus: float
    gpus: float
    checkpoint_seconds: float = 10.0
    """A checkpoint is kept after an epoch if the last one is older than this."""
    limit: float | None = None
    """Seconds after which the training counts as hanging; of a pack, each of its models adds as many."""
    pack: int = 0
    """Number of the pack that the model trains in, within its work."""
    side_by_side: int = 1
    """Models of that pack; each counts for its share of the pack's time and resources."""

    def cost(self, n_items: int) -> float:
        """Return what the training costs, in no unit: to begin with the longest."""
        model = self.model
        widths = (model.n_features, *model.encoder_layers, model.latent_dim, *model.decoder_layers, model.n_features)
        weights = sum(one * other for one, other in pairwise(widths))
        return float(self.training.epochs * n_items * (weights + model.n_components * model.latent_dim))


@dataclass(frozen=True)
class Failure:
    """Why a training ended without a model."""

    error: str
    status: Status = "failed"
    fatal: bool = False
    """Whether nothing can be saved any more, so that the whole run must end."""


@dataclass(frozen=True)
class Batch:
    """Cells of one method on one representation and of one sampler: one task."""

    method: str
    cells: tuple[Cell, ...]
    seconds: float
    """Rough time, for scheduling the longest first."""
    attempt: int = 0
    """How many workers have died over it."""
    keep: bool = False
    """Whether to keep what is said of every item."""

    @property
    def clustering(self) -> Clustering | None:
        """The clustering that all cells of the batch share."""
        return self.cells[0].clustering

    @property
    def sampler(self) -> str:
        """The sampler that all cells of the batch share."""
        return self.cells[0].sampler

    @property
    def supervision(self) -> Supervision:
        """The supervision that all cells of the batch share."""
        return self.cells[0].supervision

    @property
    def draws(self) -> dict[int, int]:
        """Label seeds of the batch, with the most labels that a cell of it is shown."""
        most: dict[int, int] = {}
        for cell in self.cells:
            most[cell.label_seed] = max(most.get(cell.label_seed, 0), cell.budget.n_labeled)
        return most


@dataclass(frozen=True)
class Work:
    """Everything an executor needs."""

    dataset: Dataset
    origin: Origin
    model_name: str
    """The trained variant, for the records' `model` column."""
    methods: Mapping[str, Method]
    samplers: Mapping[str, Sampler]
    trainings: tuple[TrainingJob, ...]
    """Models still to be trained; all others that batches need lie in the folder."""
    batches: tuple[Batch, ...]
    folder: Path
    """The run folder; only the process that owns the run reads and writes there."""
    storage: Storage
    """Where trainings keep what must outlive them; every node sees it."""
    cell_limit: float | None = None
    """Seconds after which a cell counts as hanging."""
    notices: tuple[str, ...] = ()
    """What the user must know before it begins."""

    @cached_property
    def packs(self) -> tuple[tuple[TrainingJob, ...], ...]:
        """The trainings, those that go side by side together."""
        packs: dict[int | ModelKey, list[TrainingJob]] = {}
        for job in self.trainings:
            packs.setdefault(job.key if job.side_by_side == 1 else job.pack, []).append(job)
        return tuple(map(tuple, packs.values()))

    def waiting_for(self, key: ModelKey, without: Collection[ModelKey] = ()) -> tuple[Batch, ...]:
        """Batches that need the model of `key`, and none of some others."""
        return tuple(batch for batch in self.batches if key in (models := self.models_of(batch)) and models.isdisjoint(without))

    def ready(self) -> tuple[Batch, ...]:
        """Batches that wait for no training."""
        pending = {job.key for job in self.trainings}
        return tuple(batch for batch in self.batches if self.models_of(batch).isdisjoint(pending))

    def view_keys(self, batch: Batch) -> tuple[ViewKey, ...]:
        """Return what a batch's method sees, one view for each clustering: batches of the same ones share them."""
        method = self.methods[batch.method]
        return tuple((method.representation, key) for key in method.parts_of(batch.clustering))

    def chooser(self, batch: Batch) -> ModelKey | None:
        """Return the model that chooses the items of a batch; `None` for a sampler that looks at none."""
        return batch.clustering.chooser if batch.clustering and self.samplers[batch.sampler].needs_model else None

    def draws(self, batch: Batch) -> dict[int, int]:
        """Label seeds for which a batch's model chooses items like the batch's, with the most labels that any cell is shown."""
        return self._draws[self.chooser(batch), batch.sampler, batch.supervision]

    @cached_property
    def _draws(self) -> dict[OrderKey, dict[int, int]]:
        draws: dict[OrderKey, dict[int, int]] = {}
        for batch in self.batches:
            most = draws.setdefault((self.chooser(batch), batch.sampler, batch.supervision), {})
            most |= {seed: max(n, most.get(seed, 0)) for seed, n in batch.draws.items()}
        return draws

    def models_of(self, batch: Batch) -> frozenset[ModelKey]:
        """Trained models that a batch needs."""
        return self.methods[batch.method].models_for(batch.clustering, self.samplers[batch.sampler])


class Listener:
    """Hears how the work progresses; this one ignores it."""

    def starting(self, what: str) -> None:
        """Hear what has to start before anything can be done."""

    def begun(self, cpus: float) -> None:
        """Hear that the work begins, and how many CPUs there are for it."""

    def training_started(self, job: TrainingJob) -> None:
        """Hear that a model's training begins, or begins again."""

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Hear that a model finished an epoch; epochs before the checkpoint that it resumed from are not repeated."""

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Hear that a model is trained and saved, or failed."""

    def batch_started(self, batch: Batch) -> None:
        """Hear that the cells of a batch are given to a worker."""

    def records_done(self, records: list[Record]) -> None:
        """Hear that cells were judged."""

    def notice(self, text: str) -> None:
        """Hear a notice for the user."""


@dataclass(frozen=True)
class Assignment:
    """Work, and who hears how it progresses."""

    work: Work
    listener: Listener


class Executor(Protocol):
    """Carries work out; judges a model's cells as soon as it is trained."""

    @property
    def cpus(self) -> float:
        """CPUs that it has."""
        ...

    def run(self, assignments: Sequence[Assignment]) -> Generator[tuple[Work, list[Record]], None, None]:
        """Yield records as batches finish, one for every cell of every work; what still runs ends when the generator is closed.

        Nothing of one work waits for another: all trainings, and all batches, are one queue, the longest first.
        """
        ...


def make_batches(cells: Iterable[Cell], methods: Mapping[str, Method], n_pool: int, *, keep: bool = False) -> tuple[Batch, ...]:
    """Group cells that share method, clustering, sampler and supervision into batches of bounded time, longest first."""
    groups: dict[tuple[str, Clustering | None, str, Supervision], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.method, cell.clustering, cell.sampler, cell.supervision), []).append(cell)
    batches = []
    for (method, *_), group in groups.items():
        estimate = methods[method].estimate_seconds
        part: list[Cell] = []
        seconds = 0.0
        # A draw is made once in a batch: its budgets stand together, the largest first.
        for cell in sorted(group, key=lambda cell: (cell.label_seed, -cell.budget.n_labeled)):
            cost = estimate(cell.budget.n_labeled, n_pool)
            if part and (seconds + cost > _BATCH_SECONDS or len(part) == _BATCH_CELLS):
                batches.append(Batch(method, tuple(part), seconds, keep=keep))
                part, seconds = [], 0.0
            part.append(cell)
            seconds += cost
        batches.append(Batch(method, tuple(part), seconds, keep=keep))
    return tuple(sorted(batches, key=lambda batch: -batch.seconds))
