"""The executor on Ray: Tune trains, tasks represent and judge, the data set lies in the object store once."""

import faulthandler
import math
import os
import queue
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import ray

from bench.data.dataset import Dataset
from bench.engine.cluster import cluster_cpus, living_nodes, trainings_at_once
from bench.engine.interrupt import Interrupt
from bench.engine.steps import choose, failed_records, judge_batch, kept_view, represent_parent, seen_by
from bench.engine.tuning import TuneTraining
from bench.engine.work import Batch, Listener, TrainingJob, ViewKey, Work
from bench.errors import BenchError, StoreError, number_of
from bench.judge.methods import Method
from bench.judge.record import Origin, Record
from bench.judge.representations import FREE, REPRESENTATIONS, View
from bench.plan.cells import ModelKey
from bench.store.models import load_encoded
from gmvae.errors import first_line

_POLL_SECONDS = 0.2
_HEAD_START_SECONDS, _TIDY_SECONDS = 60.0, 60.0
# A worker ends itself this long after a cell's limit, so that the driver, which hears of a cell's start a little late, knows why.
_GRACE_SECONDS = 1.0
# A node may join or leave at any time.
_LOOK_SECONDS = 2.0
# Cells of a dead worker go to others, each alone from the second attempt on: this identifies a cell that kills its worker. In the
# end it counts as failed.
_ATTEMPTS = 3


class RayExecutor:
    """Runs on the connected Ray cluster (`bench.engine.cluster.connected`)."""

    def __init__(self, interrupt: Interrupt | None = None) -> None:
        self._interrupt = interrupt or Interrupt()

    def run(self, work: Work, listener: Listener) -> Generator[list[Record], None, None]:
        """Yield records as batches finish; a model's batches become ready when it is trained."""
        dataset = ray.put(work.dataset)
        with TuneTraining(work, dataset, listener) as training:
            # Trainings are the longest tasks: they get their CPUs before cells fill what is left.
            self._wait_until(training.begun.wait, _HEAD_START_SECONDS)
            evaluation = _Evaluation(work, dataset, listener)
            evaluation.add(work.ready())
            untrained, failed = {job.key: job.cpus for job in work.trainings}, set[ModelKey]()
            room = _Room(listener)
            while untrained or evaluation.busy:
                self._interrupt.check()
                records: list[Record] = []
                if untrained:
                    room.look(work.trainings[0])
                while untrained:
                    try:
                        job, failure = training.finished.get(timeout=0 if evaluation.in_flight else _POLL_SECONDS)
                    except queue.Empty:
                        break
                    del untrained[job.key]
                    listener.training_done(job.key, None if failure is None else failure.error)
                    if failure is not None and failure.fatal:
                        raise StoreError(failure.error)
                    if failure is None:
                        evaluation.add(work.waiting_for(job.key, without=untrained.keys() | failed))
                        continue
                    cells = (cell for batch in work.waiting_for(job.key, without=failed) for cell in batch.cells)
                    failed.add(job.key)
                    records += failed_records(cells, work, f"training failed: {failure.error}", failure.status)
                records += evaluation.step(sum(untrained.values()))
                if records:
                    listener.records_done(records)
                    yield records
            # Tune tidies up, and gives trials up to fifteen seconds for it.
            self._wait_until(training.wait, _TIDY_SECONDS)

    def _wait_until(self, reached: Callable[[float], bool], patience: float) -> None:
        """Wait in short steps, and look for an interrupt between them."""
        deadline = time.monotonic() + patience
        while not reached(_POLL_SECONDS) and time.monotonic() < deadline:
            self._interrupt.check()


class _Room:
    """Tells the user when no node has room for a training any more, and when one has again."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._there, self._looked = True, time.monotonic()

    def look(self, job: TrainingJob) -> None:
        """Look for room for a training, now and then."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        there = trainings_at_once(job.cpus, job.gpus) > 0
        if there != self._there:
            gpus = f" and {number_of(job.gpus, 'GPU')}" if job.gpus else ""
            wanted = f"{number_of(job.cpus, 'CPU')}{gpus} for a training"
            self._listener.notice(
                f"there is a node with {wanted} again; trainings go on"
                if there
                else f"no living node has {wanted}: trainings wait until one joins; Ctrl-C stops, and nothing is lost"
            )
        self._there = there


@dataclass
class _Flight:
    """A batch that a worker has."""

    batch: Batch
    judged: int = 0
    """Cells whose records have arrived."""
    heard: float = math.inf
    """When something last arrived; infinite while the batch waits for a CPU."""
    node: str | None = None
    """Where it is judged, once that is known."""


class _Evaluation:
    """Batches waiting, batches in flight, and the representations they share."""

    def __init__(self, work: Work, dataset: Any, listener: Listener) -> None:
        self._work = work
        self._dataset = dataset
        self._listener = listener
        self._waiting: list[Batch] = []
        self._flights: dict[Any, _Flight] = {}
        self._views: dict[ViewKey, Any] = {}
        self._encoded: dict[ModelKey, Any] = {}
        self._orders: dict[tuple[ModelKey, str, int], Any] = {}
        self._parents: dict[str, Any] = {}
        self._cpus, self._nodes, self._looked = int(cluster_cpus()), living_nodes(), time.monotonic()
        # Ray's own retries are off: they would run a cell that eats all memory for ever.
        self._represent: Any = ray.remote(num_cpus=1, max_retries=0)(kept_view)
        self._represent_parent: Any = ray.remote(num_cpus=1, max_retries=0)(represent_parent)
        self._choose: Any = ray.remote(num_cpus=1, max_retries=0)(choose)
        self._judge: Any = ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")(_judge_remotely)

    @property
    def busy(self) -> bool:
        """Whether anything is waiting or in flight."""
        return bool(self._waiting or self._flights)

    @property
    def in_flight(self) -> bool:
        """Whether any batch is being judged."""
        return bool(self._flights)

    def add(self, batches: tuple[Batch, ...]) -> None:
        """Queue batches, the longest first."""
        self._waiting = sorted([*self._waiting, *batches], key=lambda batch: -batch.seconds)

    def step(self, training_cpus: float) -> list[Record]:
        """Start what fits beside trainings that still need `training_cpus`, wait a moment, and return what was judged."""
        self._look_at_the_cluster()
        records: list[Record] = []
        while self._waiting and len(self._flights) < batches_at_once(self._cpus, training_cpus):
            batch = self._waiting.pop(0)
            self._listener.batch_started(batch)
            try:
                self._flights[self._submit(batch)] = _Flight(batch)
            except BenchError as error:
                records += failed_records(batch.cells, self._work, f"{type(error).__name__}: {error}")
        if self._flights:
            ready, _ = ray.wait(list(self._flights), num_returns=len(self._flights), timeout=_POLL_SECONDS, fetch_local=False)
            for stream in ready:
                records += self._receive(stream)
            self._forget_unused_views()
        return records

    def _receive(self, stream: Any) -> list[Record]:
        """Take what a stream has ready; end its flight if nothing more will come."""
        flight, records = self._flights[stream], list[Record]()
        try:
            # `ray.wait` reported one result; more may be ready.
            while True:
                part: list[Record] | str = ray.get(next(stream))
                flight.heard = time.monotonic()
                if isinstance(part, str):
                    flight.node = part
                else:
                    flight.judged += len(part)
                    records += part
                if not stream.next_ready():
                    return records
        except StopIteration:
            del self._flights[stream]
        except ray.exceptions.RayError as error:
            del self._flights[stream]
            records += self._after_failure(flight, error)
        return records

    def _after_failure(self, flight: _Flight, error: Exception) -> list[Record]:
        """Return records of what has failed for good, and queue the rest of the batch again."""
        batch, limit = flight.batch, self._work.cell_limit
        rest = batch.cells[flight.judged :]
        cause = getattr(error, "cause", None) or error
        if not isinstance(cause, ray.exceptions.RayError):
            return failed_records(rest, self._work, _reason(cause))
        # What the batch read may be lost with the worker or node that made it.
        for key in self._work.view_keys(batch):
            self._views.pop(key, None)
        self._parents.clear()
        self._orders.clear()
        if limit is not None and rest and time.monotonic() - flight.heard >= limit:
            self._requeue(batch, rest[1:], batch.attempt)
            return failed_records(rest[:1], self._work, f"the cell took longer than {number_of(limit, 'second')}", "timeout")
        if batch.attempt + 1 >= _ATTEMPTS:
            return failed_records(rest, self._work, f"{_reason(cause)} ({_ATTEMPTS} attempts)")
        for cell in rest:
            self._requeue(batch, (cell,), batch.attempt + 1)
        return []

    def _requeue(self, batch: Batch, cells: tuple[Any, ...], attempt: int) -> None:
        if cells:
            share = batch.seconds * len(cells) / len(batch.cells)
            self.add((replace(batch, cells=cells, seconds=share, attempt=attempt),))

    def _submit(self, batch: Batch) -> Any:
        work, method = self._work, self._work.methods[batch.method]
        parent = self._parent(REPRESENTATIONS[method.representation].parent)
        views = []
        for key in work.view_keys(batch):
            if method.representation not in FREE and key not in self._views:
                model = method.model_for(key[1])
                encoded = None if model is None else self._encoded_by(model)
                self._views[key] = self._represent.remote(method, key[1], self._dataset, encoded, parent)
            views.append(self._views.get(key))
        seeds, orders = self._orders_of(batch)
        return self._judge.remote(
            batch, method, self._dataset, work.origin, work.model_name, work.cell_limit, seeds, len(views), *views, *orders
        )

    def _encoded_by(self, model: ModelKey) -> Any:
        # Read here and sent: a worker may be on a node that does not see the run folder.
        if model not in self._encoded:
            self._encoded[model] = ray.put(load_encoded(self._work.folder, model))
        return self._encoded[model]

    def _orders_of(self, batch: Batch) -> tuple[tuple[int, ...] | None, list[Any]]:
        """Return the label seeds of a batch whose items a model chooses, and references to the items of each."""
        chooser = self._work.chooser(batch)
        if chooser is None:
            return None, []
        most, seeds = self._work.draws(chooser, batch.sampler), tuple(batch.draws)
        for seed in seeds:
            key = chooser, batch.sampler, seed
            if key not in self._orders:
                encoded = self._encoded_by(chooser)
                self._orders[key] = self._choose.remote(self._dataset, batch.sampler, seed, most[seed], encoded)
        return seeds, [self._orders[chooser, batch.sampler, seed] for seed in seeds]

    def _parent(self, name: str | None) -> Any:
        if name is not None and name not in self._parents:
            self._parents[name] = self._represent_parent.remote(name, self._dataset)
        return self._parents[name] if name is not None else None

    def _forget_unused_views(self) -> None:
        batches = [*self._waiting, *(flight.batch for flight in self._flights.values())]
        used = {key for batch in batches for key in self._work.view_keys(batch)}
        self._views = {key: view for key, view in self._views.items() if key in used}
        models = frozenset[ModelKey]().union(*map(self._work.models_of, batches))
        self._encoded = {key: held for key, held in self._encoded.items() if key in models}

    def _look_at_the_cluster(self) -> None:
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._cpus, self._looked = int(cluster_cpus()), time.monotonic()
        there = living_nodes()
        gone, self._nodes = self._nodes - there, there
        if gone:
            nodes = "a node" if len(gone) == 1 else f"{len(gone)} nodes"
            self._listener.notice(f"{nodes} left the cluster: what was begun there is done elsewhere")
            # A task behind a cut link is never reported as lost. What waits may wait for something that was made there.
            for stream, flight in list(self._flights.items()):
                if flight.node in gone or flight.node is None:
                    del self._flights[stream]
                    self._requeue(flight.batch, flight.batch.cells[flight.judged :], flight.batch.attempt)
            self._views.clear()
            self._parents.clear()
            self._orders.clear()


def _judge_remotely(
    batch: Batch,
    method: Method,
    dataset: Dataset,
    origin: Origin,
    model_name: str,
    limit: float | None,
    seeds: tuple[int, ...] | None,
    n_views: int,
    *seen: Any,
) -> Iterator[list[Record] | str]:
    """Judge a batch in a worker: yield its node first, and end the process if a cell takes longer than `limit`.

    `seen` are the method's views, `None` for those that are cheaply made here, and then the items that a model chose for each of
    the label seeds `seeds`: one argument each, since Ray resolves no references inside others.
    """
    yield ray.get_runtime_context().get_node_id()
    orders = None if seeds is None else dict(zip(seeds, seen[n_views:], strict=True))
    views: list[View] = [represent_parent(method.representation, dataset) if view is None else view for view in seen[:n_views]]
    view = seen_by(method, batch.clustering, dataset, *views)
    if limit is None:
        yield from judge_batch(batch, method, view, dataset, origin, model_name, orders)
        return
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - of the standard library's interfaces only this one is a file
        for cell in batch.cells:
            # It works without Python's lock, and so also ends a cell that hangs in native code.
            faulthandler.dump_traceback_later(limit + _GRACE_SECONDS, exit=True, file=nowhere)
            try:
                (records,) = judge_batch(replace(batch, cells=(cell,)), method, view, dataset, origin, model_name, orders)
            finally:
                faulthandler.cancel_dump_traceback_later()
            yield records


def batches_at_once(cpus: int, training_cpus: float) -> int:
    """Return how many batches may be in flight on a cluster whose trainings, running or waiting, still need `training_cpus`.

    Trainings are the longest tasks, and Ray gives a freed CPU to any task that waits: batches keep out of their way. Once all
    trainings are done, a few more batches than CPUs are in flight, so that no CPU waits for the driver.
    """
    return 2 * cpus + 2 if training_cpus == 0 else max(0, cpus - math.ceil(training_cpus))


def _reason(error: Exception) -> str:
    # Ray's first sentence says what happened; the others refer to logs that are deleted after the run.
    return f"{type(error).__name__}: {first_line(error).partition('. ')[0]}"
