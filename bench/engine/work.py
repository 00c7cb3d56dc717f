"""The work of a run, cut into trainings and batches of cells, whatever carries it out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.data.dataset import Dataset
from bench.judge.methods import Method
from bench.judge.record import Origin, Record
from bench.plan.cells import Cell, ModelKey
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.training import EpochStats

# A batch is large enough that scheduling it costs nothing beside it, and small enough that an interruption loses little.
_BATCH_SECONDS, _BATCH_CELLS = 20.0, 50


@dataclass(frozen=True)
class TrainingJob:
    """One model to train."""

    key: ModelKey
    model: ModelConfig
    training: TrainingConfig
    device: str
    cpus: float
    gpus: float
    tensorboard: bool = False
    """Whether the history is written as event files too."""


@dataclass(frozen=True)
class Batch:
    """Cells of one method on one representation: one task."""

    method: str
    cells: tuple[Cell, ...]
    seconds: float
    """Rough time, for putting the longest first."""

    @property
    def clustering(self) -> ModelKey | None:
        """The clustering that all cells of the batch share."""
        return self.cells[0].clustering


@dataclass(frozen=True)
class Work:
    """Everything an executor needs."""

    dataset: Dataset
    origin: Origin
    model_name: str
    """The trained variant, for the records' `model` column."""
    methods: Mapping[str, Method]
    trainings: tuple[TrainingJob, ...]
    """Models still to be trained; all others that batches need lie in the folder."""
    batches: tuple[Batch, ...]
    folder: Path

    def waiting_for(self, key: ModelKey) -> tuple[Batch, ...]:
        """Batches that need the model of `key`."""
        return tuple(batch for batch in self.batches if self._model_of(batch) == key)

    def ready(self) -> tuple[Batch, ...]:
        """Batches that wait for no training."""
        pending = {job.key for job in self.trainings}
        return tuple(batch for batch in self.batches if self._model_of(batch) not in pending)

    def _model_of(self, batch: Batch) -> ModelKey | None:
        return self.methods[batch.method].model_for(batch.clustering)


class Listener(Protocol):
    """Hears how the work goes on; shows it or not."""

    def training_started(self, job: TrainingJob) -> None:
        """Hear that a model's training begins."""

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Hear that a model finished an epoch; not every epoch is told."""

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Hear that a model is trained and saved, or failed."""

    def records_done(self, records: list[Record]) -> None:
        """Hear that cells were judged."""


class Executor(Protocol):
    """Carries work out; judges a model's cells as soon as it is trained."""

    def run(self, work: Work, listener: Listener) -> Iterator[list[Record]]:
        """Yield records as batches finish, one for every cell of the work."""
        ...


def make_batches(cells: Iterable[Cell], methods: Mapping[str, Method], n_pool: int) -> tuple[Batch, ...]:
    """Group cells that share method and clustering into batches of bounded time, longest first."""
    groups: dict[tuple[str, ModelKey | None], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.method, cell.clustering), []).append(cell)
    batches = []
    for (method, _), group in groups.items():
        estimate = methods[method].estimate_seconds
        part: list[Cell] = []
        seconds = 0.0
        for cell in sorted(group, key=lambda cell: -cell.budget.n_labeled):
            cost = estimate(cell.budget.n_labeled, n_pool)
            if part and (seconds + cost > _BATCH_SECONDS or len(part) == _BATCH_CELLS):
                batches.append(Batch(method, tuple(part), seconds))
                part, seconds = [], 0.0
            part.append(cell)
            seconds += cost
        batches.append(Batch(method, tuple(part), seconds))
    return tuple(sorted(batches, key=lambda batch: -batch.seconds))
