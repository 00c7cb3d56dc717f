"""Trials of a search: train configurations, of equal shape side by side, and measure each at every rung."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from bench.engine.desk import Ear, Report
from bench.engine.steps import threads
from bench.errors import StoreError
from bench.plan.cells import ModelKey
from bench.search.criteria import Candidate, Criterion
from bench.search.space import Value
from bench.store.models import keep_state, kept_state
from bench.store.storage import Storage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.devices import resolve_device
from gmvae.errors import CheckpointError, TrainingDivergedError
from gmvae.pack.members import can_share, can_train_alike
from gmvae.pack.memory import model_bytes
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
    """Epochs after which to measure; the last one ends the training. The same for all trials of a search."""
    device: str
    cpus: float
    checkpoint_seconds: float = 10.0
    limit: float | None = None
    """Seconds after which the trial counts as hanging."""
    n_models: int = 1
    """Models that it trains, with seeds that follow each other."""

    @property
    def name(self) -> str:
        """Its folder in the storage."""
        return trial_folder(self.number)

    @property
    def bytes(self) -> int:
        """Memory that its models take on their device."""
        return self.n_models * model_bytes(self.model, self.training)

    @property
    def keys(self) -> list[ModelKey]:
        """Its models."""
        return [ModelKey(self.model.n_components, self.model_seed + place) for place in range(self.n_models)]


@dataclass(frozen=True)
class Exam:
    """What all trials of a search are given: the data, and no more labels than the criteria may read."""

    pool: np.ndarray
    held_out: Int[np.ndarray, " h"]
    criteria: tuple[Criterion, ...]
    watched: tuple[Criterion, ...]
    labels: dict[str, Int[np.ndarray, " n"]]
    """By criterion; -1 for labels that it may not read."""


def trial_folder(number: int) -> str:
    """Return the name under which a trial keeps its checkpoints."""
    return f"trial-{number}"


def are_alike(one: TrialJob, other: TrialJob) -> bool:
    """Whether two trials can train side by side."""
    return can_share(one.model, other.model) and can_train_alike(one.training, other.training)


def run_trials(
    jobs: Sequence[TrialJob], exam: Exam, storage: Storage, ear: Ear, check: Callable[[], None] = lambda: None
) -> None:
    """Train trials of equal shape and measure each at every rung, from their last checkpoints if there are any.

    A trial ends early if `ear.report` says so, all of them if `check` raises. Every model trains on all items but the held-out
    ones.
    """
    with threads(max(1, int(jobs[0].cpus))):
        room = _Room(exam, np.delete(exam.pool, exam.held_out, axis=0), storage, ear, check)
        for alike, states in _equally_far(jobs, storage, ear.notice):
            _run_or_split(alike, states, room)


@dataclass(frozen=True, eq=False)
class _Room:
    """What all trials are examined with."""

    exam: Exam
    items: np.ndarray
    """Those that models train on."""
    storage: Storage
    ear: Ear
    check: Callable[[], None]


@dataclass(frozen=True)
class _Lane:
    """One model of a trial."""

    job: TrialJob
    key: ModelKey

    @property
    def id(self) -> tuple[int, ModelKey]:
        """What its state is found by."""
        return self.job.number, self.key


_States = Mapping[tuple[int, ModelKey], TrainingState]


def _equally_far(
    jobs: Sequence[TrialJob], storage: Storage, on_notice: Callable[[str], None]
) -> list[tuple[list[TrialJob], _States]]:
    """Return trials by the rung that they are measured at next, and what was kept of their models; interrupts tear them apart."""
    groups: defaultdict[int, list[TrialJob]] = defaultdict(list)
    states: dict[tuple[int, ModelKey], TrainingState] = {}
    for job in jobs:
        kept = _kept(job, storage, on_notice)
        furthest = max((state.epoch for state in kept.values()), default=0)
        # An earlier attempt reported the rungs that it trained past.
        groups[sum(rung < furthest for rung in job.rungs)].append(job)
        states |= kept
    return [(alike, states) for _, alike in sorted(groups.items())]


def _kept(job: TrialJob, storage: Storage, on_notice: Callable[[str], None]) -> dict[tuple[int, ModelKey], TrainingState]:
    inner = storage.inner(job.name)
    try:
        states = {(job.number, key): kept_state(inner, key, job.model, job.training) for key in job.keys}
    except CheckpointError as error:
        on_notice(_starts_again(job, error))
        return {}
    return {lane_id: state for lane_id, state in states.items() if state is not None}


def _starts_again(job: TrialJob, error: CheckpointError) -> str:
    return f"trial {job.number}: {error}; it starts again"


def _run_or_split(jobs: Sequence[TrialJob], states: _States, room: _Room) -> None:
    """Run trials side by side; if their device has too little memory for that, those that have not ended one after the other."""
    running = list(jobs)
    try:
        _run(running, states, room)
        return
    except torch.OutOfMemoryError:
        if len(jobs) == 1:
            raise
    # Here, where nothing holds what did not fit.
    room.ear.notice(f"{len(jobs)} trials side by side need more memory than the device has; they go on one after the other")
    for job in running:
        _run([job], _kept(job, room.storage, room.ear.notice), room)


def _run(running: list[TrialJob], states: _States, room: _Room) -> None:
    """Train and measure; trials that end are taken out of `running`."""
    rungs = running[0].rungs
    trainings = [_Training(lanes, states, room) for lanes in _side_by_side(running)]
    for rung in rungs:
        if any(training.pack.epoch > rung for training in trainings):
            # An earlier attempt reported this rung: no model trains past it before that.
            continue
        for training in trainings:
            if len(_diverged(trainings)) < len(running):
                training.run_to(rung)
        diverged = _diverged(trainings)
        for job in tuple(running):
            if job.number in diverged:
                room.ear.fail(job.number, f"{TrainingDivergedError.__name__}: {diverged[job.number]}")
                running.remove(job)
            elif room.ear.report(job.number, _measure(job, room.exam, trainings, final=rung == rungs[-1])):
                running.remove(job)
        if not running:
            return
        for training in trainings:
            training.go_on_with(running)


def _side_by_side(jobs: Sequence[TrialJob]) -> list[list[_Lane]]:
    """Return the models that train as one: those of several trials, and on a GPU those of one; on a CPU each is alone."""
    lanes = [_Lane(job, key) for job in jobs for key in job.keys]
    return [lanes] if len(jobs) > 1 or resolve_device(jobs[0].device).type == "cuda" else [[lane] for lane in lanes]


def _diverged(trainings: "Iterable[_Training]") -> dict[int, TrainingDivergedError]:
    """Return the numbers of trials of which a model diverged: a trial is about all of its models."""
    return {training.lanes[number].job.number: error for training in trainings for number, error in training.pack.errors.items()}


def _measure(job: TrialJob, exam: Exam, trainings: "Sequence[_Training]", *, final: bool) -> Report:
    own = [(training.pack, number) for training in trainings for number in training.numbers(job)]
    seconds = [pack.seconds(number) for pack, number in own]
    models = tuple(pack.snapshot(number) for pack, number in own)
    candidate = Candidate(models, exam.pool, exam.held_out, job.decoding, seconds[0])

    def values(criteria: tuple[Criterion, ...]) -> dict[str, float]:
        return {criterion.name: criterion.measure(candidate, exam.labels[criterion.name]) for criterion in criteria}

    watched = values(exam.watched) if final else {}
    return Report(trainings[0].pack.epoch, values(exam.criteria), sum(seconds), watched, final)


class _Training:
    """Models that train side by side, of one trial or of several."""

    def __init__(self, lanes: Sequence[_Lane], states: _States, room: _Room) -> None:
        self.lanes, self._room = list(lanes), room
        self.pack = self._pack()
        try:
            kept = [states.get(lane.id) for lane in lanes]
            if any(kept):
                self.pack.restore(kept)
        except CheckpointError as error:
            for job in {lane.job.number: lane.job for lane in lanes}.values():
                room.ear.notice(_starts_again(job, error))
            # A pack that was restored in part must not go on.
            self.pack = self._pack()
        self._kept_at = time.monotonic()

    def _pack(self) -> Pack:
        job = self.lanes[0].job
        members = [Member(lane.job.model, lane.key.model_seed, lane.job.training) for lane in self.lanes]
        return Pack(self._room.items, members, job.training, device=job.device)

    def numbers(self, job: TrialJob) -> list[int]:
        """Return the places of a trial's models in the pack."""
        return [number for number, lane in enumerate(self.lanes) if lane.job.number == job.number]

    def go_on_with(self, jobs: Iterable[TrialJob]) -> None:
        """Drop the models of all other trials."""
        numbers = [number for job in jobs for number in self.numbers(job)]
        if numbers and len(numbers) < len(self.lanes):
            states = [self.pack.state(number) for number in numbers]
            self.lanes = [self.lanes[number] for number in numbers]
            self.pack = self._pack()
            self.pack.restore(states)

    def run_to(self, epoch: int) -> None:
        """Train until so many epochs are done, or all models diverged; `check` is called before each, and may raise."""
        while self.pack.epoch < epoch and len(self.pack.errors) < len(self.lanes):
            self._room.check()
            # Before an epoch, not after the last one: by now that one is measured and reported.
            if self.pack.epoch and time.monotonic() - self._kept_at >= self.lanes[0].job.checkpoint_seconds:
                self._keep()
            self.pack.run_epoch()

    def _keep(self) -> None:
        try:
            for number, lane in enumerate(self.lanes):
                if number not in self.pack.errors:
                    storage, job = self._room.storage.inner(lane.job.name), lane.job
                    keep_state(storage, lane.key, self.pack.state(number), job.model, job.training)
        except StoreError as error:
            # The trials continue without it.
            self._room.ear.notice(f"trial {self.lanes[0].job.number}: no checkpoint after epoch {self.pack.epoch}: {error}")
        self._kept_at = time.monotonic()
