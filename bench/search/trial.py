"""One trial of a search: train a configuration, and measure it at every rung."""

import time
from collections.abc import Callable, Sequence
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
from gmvae.devices import resolve_device
from gmvae.errors import CheckpointError
from gmvae.training import Member, Pack, TrainingState


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
        trainings = [_Training(job, items, storage, seeds, on_notice) for seeds in _side_by_side(job, exam.n_models)]
        for rung in job.rungs:
            if any(training.pack.epoch > rung for training in trainings):
                # An earlier attempt reported this rung: no model trains past it before that.
                continue
            for training in trainings:
                training.run_to(rung, check)
            final = rung == job.rungs[-1]
            if report(_measure(job, exam, trainings, final=final)):
                return


def _side_by_side(job: TrialJob, n_models: int) -> list[tuple[int, ...]]:
    """Return the seeds of the trial's models, those together that train as one: all of them on a GPU, none on a CPU."""
    seeds = range(job.model_seed, job.model_seed + n_models)
    return [tuple(seeds)] if resolve_device(job.device).type == "cuda" else [(seed,) for seed in seeds]


def _measure(job: TrialJob, exam: Exam, trainings: "list[_Training]", *, final: bool) -> Report:
    packs = [training.pack for training in trainings]
    models = tuple(pack.snapshot(number) for pack in packs for number in range(len(pack)))
    candidate = Candidate(models, exam.pool, exam.held_out, job.decoding, packs[0].seconds())

    def values(criteria: tuple[Criterion, ...]) -> dict[str, float]:
        return {criterion.name: criterion.measure(candidate, exam.labels[criterion.name]) for criterion in criteria}

    spent = sum(pack.seconds(number) for pack in packs for number in range(len(pack)))
    return Report(packs[0].epoch, values(exam.criteria), spent, values(exam.watched) if final else {}, final)


class _Training:
    """Models of a trial that train side by side."""

    def __init__(
        self, job: TrialJob, items: np.ndarray, storage: Storage, seeds: tuple[int, ...], on_notice: Callable[[str], None]
    ) -> None:
        self._job, self._on_notice = job, on_notice
        self._storage = storage.inner(job.name)
        self._keys = [ModelKey(job.model.n_components, seed) for seed in seeds]
        self.pack = self._begin(items)
        try:
            states = [kept_state(self._storage, key, job.model, job.training) for key in self._keys]
            if any(states):
                self.pack.restore(self._equally_far(items, states))
        except CheckpointError as error:
            on_notice(f"trial {job.number}: {error}; it starts again")
            # A pack that was restored in part must not go on.
            self.pack = self._begin(items)
        self._kept = time.monotonic()

    def _begin(self, items: np.ndarray) -> Pack:
        return self._pack(items, self._keys)

    def _pack(self, items: np.ndarray, keys: Sequence[ModelKey]) -> Pack:
        job = self._job
        return Pack(items, [Member(job.model, key.model_seed) for key in keys], job.training, device=job.device)

    def _equally_far(self, items: np.ndarray, states: Sequence[TrainingState | None]) -> list[TrainingState]:
        """Return the states, those of models that an interrupt left an epoch behind after they caught up by themselves."""
        furthest = max(state.epoch for state in states if state is not None)
        caught_up = []
        for key, state in zip(self._keys, states, strict=True):
            if state is None or state.epoch < furthest:
                alone = self._pack(items, [key])
                if state is not None:
                    alone.restore([state])
                while alone.epoch < furthest:
                    alone.run_epoch()
                state = alone.state()
            caught_up.append(state)
        return caught_up

    def run_to(self, epoch: int, check: Callable[[], None]) -> None:
        """Train until so many epochs are done; `check` is called before each, and may raise.

        Raises
        ------
        TrainingDivergedError
            If a model diverges: a trial is about all of its models.
        """
        while self.pack.epoch < epoch:
            check()
            # Before an epoch, not after the last one: by now that one is measured and reported.
            if self.pack.epoch and time.monotonic() - self._kept >= self._job.checkpoint_seconds:
                self._keep()
            self.pack.run_epoch()
            for error in self.pack.errors.values():
                raise error

    def _keep(self) -> None:
        job = self._job
        try:
            for number, key in enumerate(self._keys):
                keep_state(self._storage, key, self.pack.state(number), job.model, job.training)
        except StoreError as error:
            # The trial continues without it.
            self._on_notice(f"trial {job.number}: no checkpoint after epoch {self.pack.epoch}: {error}")
        self._kept = time.monotonic()
