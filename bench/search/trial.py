"""One trial of a search: train a configuration, and measure it at every rung."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from bench.engine.desk import Report
from bench.engine.steps import threads
from bench.errors import StoreError
from bench.plan.cells import ModelKey
from bench.search.criteria import Candidate, Criterion
from bench.search.space import Value
from bench.store.models import keep_state, kept_state
from bench.store.storage import Storage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.errors import CheckpointError
from gmvae.training import Trainer


@dataclass(frozen=True)
class TrialJob:
    """A configuration to try."""

    number: int
    parameters: dict[str, Value]
    """As sampled."""
    model: ModelConfig
    training: TrainingConfig
    decoding: str
    model_seed: int
    """Of the first model; others, where criteria compare seeds, have the next ones."""
    rungs: tuple[int, ...]
    """Epochs after which to measure; the last one ends the training."""
    device: str
    cpus: float
    checkpoint_seconds: float = 10.0
    limit: float | None = None
    """Seconds after which the trial counts as hanging."""

    @property
    def name(self) -> str:
        """Its folder in the storage."""
        return trial_folder(self.number)


@dataclass(frozen=True)
class Exam:
    """What all trials of a search are given: the data, and no more labels than the criteria may read."""

    pool: np.ndarray
    held_out: Int[np.ndarray, " h"]
    criteria: tuple[Criterion, ...]
    watched: tuple[Criterion, ...]
    labels: dict[str, Int[np.ndarray, " n"]]
    """By criterion; -1 for labels that it may not read."""

    @property
    def n_models(self) -> int:
        """Models that a trial trains."""
        return max(criterion.n_models for criterion in (*self.criteria, *self.watched))


def trial_folder(number: int) -> str:
    """Return the name under which a trial keeps its checkpoints."""
    return f"trial-{number}"


def run_trial(
    job: TrialJob,
    exam: Exam,
    storage: Storage,
    report: Callable[[Report], bool],
    on_notice: Callable[[str], None],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Train and measure, from the last checkpoint if there is one; end early if `report` says so, or `check` raises.

    Every model trains on all items but the held-out ones.
    """
    with threads(max(1, int(job.cpus))):
        items = np.delete(exam.pool, exam.held_out, axis=0)
        trainers = [_Training(job, items, storage, number, on_notice) for number in range(exam.n_models)]
        for rung in job.rungs:
            if any(trainer.trainer.epoch > rung for trainer in trainers):
                # An earlier attempt reported this rung: no model trains past it before that.
                continue
            for trainer in trainers:
                trainer.run_to(rung, check)
            final = rung == job.rungs[-1]
            if report(_measure(job, exam, trainers, final=final)):
                return


def _measure(job: TrialJob, exam: Exam, trainings: "list[_Training]", *, final: bool) -> Report:
    models = tuple(training.trainer.snapshot() for training in trainings)
    first = trainings[0].trainer
    candidate = Candidate(models, exam.pool, exam.held_out, job.decoding, first.seconds)

    def values(criteria: tuple[Criterion, ...]) -> dict[str, float]:
        return {criterion.name: criterion.measure(candidate, exam.labels[criterion.name]) for criterion in criteria}

    spent = sum(training.trainer.seconds for training in trainings)
    return Report(first.epoch, values(exam.criteria), spent, values(exam.watched) if final else {}, final)


class _Training:
    """One of the models of a trial."""

    def __init__(self, job: TrialJob, items: np.ndarray, storage: Storage, number: int, on_notice: Callable[[str], None]) -> None:
        self._job, self._on_notice = job, on_notice
        self._storage = storage.inner(job.name)
        self._key = ModelKey(job.model.n_components, job.model_seed + number)
        self.trainer = self._begin(items)
        try:
            state = kept_state(self._storage, self._key, job.model, job.training)
            if state is not None:
                self.trainer.restore(state)
        except CheckpointError as error:
            on_notice(f"trial {job.number}: {error}; it starts again")
            # A trainer that was restored in part must not go on.
            self.trainer = self._begin(items)
        self._kept = time.monotonic()

    def _begin(self, items: np.ndarray) -> Trainer:
        job = self._job
        return Trainer(items, job.model, job.training, model_seed=self._key.model_seed, device=job.device)

    def run_to(self, epoch: int, check: Callable[[], None]) -> None:
        """Train until so many epochs are done; `check` is called before each, and may raise."""
        while self.trainer.epoch < epoch:
            check()
            # Before an epoch, not after the last one: by now that one is measured and reported.
            if self.trainer.epoch and time.monotonic() - self._kept >= self._job.checkpoint_seconds:
                self._keep()
            self.trainer.run_epoch()

    def _keep(self) -> None:
        job = self._job
        try:
            keep_state(self._storage, self._key, self.trainer.state(), job.model, job.training)
        except StoreError as error:
            # The trial continues without it.
            self._on_notice(f"trial {job.number}: no checkpoint after epoch {self.trainer.epoch}: {error}")
        self._kept = time.monotonic()
