"""The executor on Ray: Tune trains, tasks represent and judge, the data set lies in the object store once."""

import math
import queue
import time
from collections.abc import Iterator
from typing import Any

import ray

from bench.engine.cluster import cluster_cpus
from bench.engine.interrupt import Interrupt
from bench.engine.steps import failed_batch, judge_batch, represent, represent_parent
from bench.engine.tuning import TuneTraining
from bench.engine.work import Batch, Listener, Work
from bench.judge.record import Record
from bench.judge.representations import FREE, REPRESENTATIONS

_POLL_SECONDS = 0.2
_HEAD_START_SECONDS = 60.0


class RayExecutor:
    """Runs on the connected Ray cluster (`bench.engine.cluster.connected`)."""

    def __init__(self, interrupt: Interrupt | None = None) -> None:
        self._interrupt = interrupt or Interrupt()

    def run(self, work: Work, listener: Listener) -> Iterator[list[Record]]:
        """Yield records as batches finish; a model's batches become ready when it is trained."""
        dataset = ray.put(work.dataset)
        training = TuneTraining(work, dataset, listener) if work.trainings else None
        if training is not None:
            # Trainings are the longest tasks: they get their CPUs before cells fill what is left.
            self._wait_for(training)
        evaluation = _Evaluation(work, dataset)
        evaluation.add(work.ready())
        untrained = {job.key: job.cpus for job in work.trainings}
        while untrained or evaluation.busy:
            self._interrupt.check()
            while untrained and training is not None:
                try:
                    job, error = training.finished.get(timeout=0 if evaluation.in_flight else _POLL_SECONDS)
                except queue.Empty:
                    break
                del untrained[job.key]
                listener.training_done(job.key, error)
                if error is None:
                    evaluation.add(work.waiting_for(job.key))
                    continue
                for batch in work.waiting_for(job.key):
                    records = failed_batch(batch, work, error)
                    listener.records_done(records)
                    yield records
            for records in evaluation.step(sum(untrained.values())):
                listener.records_done(records)
                yield records

    def _wait_for(self, training: TuneTraining) -> None:
        deadline = time.monotonic() + _HEAD_START_SECONDS
        while not training.begun.wait(_POLL_SECONDS) and time.monotonic() < deadline:
            self._interrupt.check()


class _Evaluation:
    """Batches waiting, batches in flight, and the representations they share."""

    def __init__(self, work: Work, dataset: Any) -> None:
        self._work = work
        self._dataset = dataset
        self._waiting: list[Batch] = []
        self._in_flight: dict[Any, Batch] = {}
        self._views: dict[tuple[str, str], Any] = {}
        self._parents: dict[str, Any] = {}
        self._cpus = int(cluster_cpus())
        self._represent: Any = ray.remote(num_cpus=1, max_retries=1)(represent)
        self._represent_parent: Any = ray.remote(num_cpus=1, max_retries=1)(represent_parent)
        self._judge: Any = ray.remote(num_cpus=1, max_retries=1)(judge_batch)

    @property
    def busy(self) -> bool:
        """Whether anything is waiting or in flight."""
        return bool(self._waiting or self._in_flight)

    def add(self, batches: tuple[Batch, ...]) -> None:
        """Queue batches, the longest first."""
        self._waiting = sorted([*self._waiting, *batches], key=lambda batch: -batch.seconds)

    @property
    def in_flight(self) -> bool:
        """Whether any batch is being judged."""
        return bool(self._in_flight)

    def step(self, training_cpus: float) -> Iterator[list[Record]]:
        """Start what fits beside trainings that still need so many CPUs, wait a moment, and yield what has finished."""
        while self._waiting and len(self._in_flight) < batches_at_once(self._cpus, training_cpus):
            batch = self._waiting.pop(0)
            self._in_flight[self._submit(batch)] = batch
        if not self._in_flight:
            return
        done, _ = ray.wait(list(self._in_flight), num_returns=len(self._in_flight), timeout=_POLL_SECONDS)
        for reference in done:
            batch = self._in_flight.pop(reference)
            try:
                yield ray.get(reference)
            except ray.exceptions.RayError as error:
                yield failed_batch(batch, self._work, _reason(error))
        self._forget_unused_views()

    def _submit(self, batch: Batch) -> Any:
        work, method = self._work, self._work.methods[batch.method]
        key = self._view_key(batch)
        if method.representation not in FREE and key not in self._views:
            parent = self._parent(REPRESENTATIONS[method.representation].parent)
            self._views[key] = self._represent.remote(method, batch.clustering, self._dataset, work.folder, parent)
        return self._judge.remote(batch, method, self._views.get(key), self._dataset, work.origin, work.model_name)

    def _parent(self, name: str | None) -> Any:
        if name is not None and name not in self._parents:
            self._parents[name] = self._represent_parent.remote(name, self._dataset)
        return self._parents[name] if name is not None else None

    def _view_key(self, batch: Batch) -> tuple[str, str]:
        return self._work.methods[batch.method].representation, batch.clustering.id if batch.clustering else ""

    def _forget_unused_views(self) -> None:
        used = {self._view_key(batch) for batch in [*self._waiting, *self._in_flight.values()]}
        self._views = {key: view for key, view in self._views.items() if key in used}


def batches_at_once(cpus: int, training_cpus: float) -> int:
    """Return how many batches may be in flight on a cluster whose trainings, running or waiting, still need so many CPUs.

    Trainings are the longest tasks, and Ray gives a CPU that one of them frees to whoever waits: batches keep out of their way.
    Once all are done there are more batches than CPUs, so that none of these waits for the driver, but no more than it can hold.
    """
    return 2 * cpus + 2 if training_cpus == 0 else max(0, cpus - math.ceil(training_cpus))


def _reason(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    lines = str(cause).strip().splitlines() or [""]
    return f"{type(cause).__name__}: {lines[-1]}"
