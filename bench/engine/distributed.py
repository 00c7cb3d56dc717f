"""The executor on Ray: Tune trains, tasks represent and judge, the data set lies in the object store once."""

import faulthandler
import heapq
import itertools
import math
import os
import queue
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray

from bench.data.dataset import Dataset
from bench.engine.cluster import cluster_cpus, living_nodes, trainings_at_once
from bench.engine.interrupt import Interrupt
from bench.engine.steps import choose, failed_records, judge_batch, kept_view, overdue, represent_parent, seen_by, took_longer
from bench.engine.tuning import TuneTraining
from bench.engine.work import Assignment, Batch, Listener, OrderKey, TrainingJob, ViewKey, Work
from bench.errors import BenchError, StoreError, number_of
from bench.judge.methods import Method
from bench.judge.record import Origin, Record
from bench.judge.representations import FREE, REPRESENTATIONS, View
from bench.plan.cells import Cell, ModelKey
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

    @property
    def cpus(self) -> float:
        """CPUs of the cluster now."""
        return cluster_cpus()

    def run(self, assignments: Sequence[Assignment]) -> Generator[tuple[Work, list[Record]], None, None]:
        """Yield records as batches finish; a model's batches become ready when it is trained."""
        datasets = [ray.put(one.work.dataset) for one in assignments]
        with TuneTraining(assignments, datasets) as training:
            # Trainings are the longest tasks: they get their CPUs before cells fill what is left.
            self._wait_until(training.begun.wait, _HEAD_START_SECONDS)
            evaluation = _Evaluation([_Sight(one, dataset) for one, dataset in zip(assignments, datasets, strict=True)])
            trainees = [_Trainees(one) for one in assignments]
            for place, one in enumerate(assignments):
                evaluation.add(place, one.work.ready())
            # All of one command's trainings ask for the same.
            job = next((job for one in assignments for job in one.work.trainings), None)
            room = _Room(assignments[0].listener, job)
            while (training_cpus := _needed(trainees)) or evaluation.busy:
                self._interrupt.check()
                if training_cpus:
                    room.look()
                for place, failed in self._trained(training, trainees, evaluation):
                    yield assignments[place].work, failed
                training_cpus = _needed(trainees)
                for place, records in evaluation.step(training_cpus).items():
                    assignments[place].listener.records_done(records)
                    yield assignments[place].work, records
            # Tune tidies up, and gives trials up to fifteen seconds for it.
            self._wait_until(training.wait, _TIDY_SECONDS)

    def _trained(
        self, training: TuneTraining, trainees: Sequence["_Trainees"], evaluation: "_Evaluation"
    ) -> Iterator[tuple[int, list[Record]]]:
        """Queue what waited for trainings that have ended; yield records of what can never be judged without one that failed."""
        while any(of_work.untrained for of_work in trainees):
            try:
                place, job, failure = training.finished.get(timeout=0 if evaluation.in_flight else _POLL_SECONDS)
            except queue.Empty:
                return
            of_work, one = trainees[place], trainees[place].assignment
            one.listener.training_done(job.key, None if failure is None else failure.error)
            if failure is not None and failure.fatal:
                raise StoreError(failure.error)
            evaluation.add(place, of_work.released_by(job.key, failed=failure is not None))
            if failure is not None:
                error, cells = f"training failed: {failure.error}", of_work.lost_with(job.key)
                records = failed_records(cells, one.work, error, failure.status)
                one.listener.records_done(records)
                yield place, records

    def _wait_until(self, reached: Callable[[float], bool], patience: float) -> None:
        """Wait in short steps, and look for an interrupt between them."""
        deadline = time.monotonic() + patience
        while not reached(_POLL_SECONDS) and time.monotonic() < deadline:
            self._interrupt.check()


def _needed(trainees: Sequence["_Trainees"]) -> float:
    """Return the CPUs that trainings still need; shares of packs do not quite add up."""
    return round(sum(of_work.cpus for of_work in trainees), 6)


class _Trainees:
    """The trainings of one work that are not over yet."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.untrained = {job.key: job.cpus / job.side_by_side for job in assignment.work.trainings}
        self._failed: set[ModelKey] = set()

    @property
    def cpus(self) -> float:
        """CPUs that they still need."""
        return sum(self.untrained.values())

    def released_by(self, key: ModelKey, *, failed: bool) -> tuple[Batch, ...]:
        """Take note of a training's end; return the batches that waited for nothing else."""
        del self.untrained[key]
        return () if failed else self.assignment.work.waiting_for(key, without=self.untrained.keys() | self._failed)

    def lost_with(self, key: ModelKey) -> tuple[Cell, ...]:
        """Take note of a failure; return the cells that need the model and were not lost already."""
        cells = tuple(cell for batch in self.assignment.work.waiting_for(key, without=self._failed) for cell in batch.cells)
        self._failed.add(key)
        return cells


class _Room:
    """Tells the user when no node has room for a training any more, and when one has again."""

    def __init__(self, listener: Listener, job: TrainingJob | None) -> None:
        self._listener, self._job = listener, job
        self._there, self._looked = True, time.monotonic()

    def look(self) -> None:
        """Look for room for a training, now and then."""
        if self._job is None or time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked, job = time.monotonic(), self._job
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


class _Sight:
    """What the batches of one work see: each view, encoding and choice of items is made once, and kept while a batch needs it."""

    def __init__(self, assignment: Assignment, dataset: Any) -> None:
        self.work, self.listener = assignment.work, assignment.listener
        self._dataset = dataset
        self._views: dict[ViewKey, Any] = {}
        self._encoded: dict[ModelKey, Any] = {}
        self._orders: dict[tuple[*OrderKey, int], Any] = {}
        self._parents: dict[str, Any] = {}
        self._viewers: Counter[ViewKey] = Counter()
        self._readers: Counter[ModelKey] = Counter()
        # Ray's own retries are off: they would run a cell that eats all memory for ever.
        self._represent: Any = ray.remote(num_cpus=1, max_retries=0)(kept_view)
        self._represent_parent: Any = ray.remote(num_cpus=1, max_retries=0)(represent_parent)
        self._choose: Any = ray.remote(num_cpus=1, max_retries=0)(choose)
        self._judge: Any = ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")(_judge_remotely)

    def wanted_by(self, batch: Batch) -> None:
        """Keep what a batch needs until it is done with."""
        self._viewers.update(self.work.view_keys(batch))
        self._readers.update(self.work.models_of(batch))

    def done_with(self, batch: Batch) -> None:
        """Forget what no other batch needs."""
        self._viewers.subtract(self.work.view_keys(batch))
        self._readers.subtract(self.work.models_of(batch))
        for key in self.work.view_keys(batch):
            if not self._viewers[key]:
                self._views.pop(key, None)
        for model in self.work.models_of(batch):
            if not self._readers[model]:
                self._encoded.pop(model, None)

    def lost(self, batch: Batch) -> None:
        """Forget what a batch read: it may be lost with the worker or node that made it."""
        for key in self.work.view_keys(batch):
            self._views.pop(key, None)
        self._parents.clear()
        self._orders.clear()

    def lost_all(self) -> None:
        """Forget everything that a node may have taken with it."""
        self._views.clear()
        self._parents.clear()
        self._orders.clear()

    def submit(self, batch: Batch) -> Any:
        """Give a batch to a worker; return the stream of its records."""
        work, method = self.work, self.work.methods[batch.method]
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
            self._encoded[model] = ray.put(load_encoded(self.work.folder, model))
        return self._encoded[model]

    def _orders_of(self, batch: Batch) -> tuple[tuple[int, ...] | None, list[Any]]:
        """Return the label seeds of a batch whose items a model chooses, and references to the items of each."""
        chooser = self.work.chooser(batch)
        if chooser is None:
            return None, []
        most, seeds, of = self.work.draws(batch), tuple(batch.draws), (chooser, batch.sampler, batch.supervision)
        for seed in seeds:
            if (*of, seed) not in self._orders:
                encoded, n_labeled = self._encoded_by(chooser), most[seed]
                self._orders[*of, seed] = self._choose.remote(
                    self._dataset, batch.sampler, seed, n_labeled, encoded, batch.supervision
                )
        return seeds, [self._orders[*of, seed] for seed in seeds]

    def _parent(self, name: str | None) -> Any:
        if name is not None and name not in self._parents:
            self._parents[name] = self._represent_parent.remote(name, self._dataset)
        return self._parents[name] if name is not None else None


@dataclass
class _Flight:
    """A batch that a worker has."""

    place: int
    """Of its work among the assignments."""
    batch: Batch
    judged: int = 0
    """Cells whose records have arrived."""
    heard: float = math.inf
    """When something last arrived; infinite while the batch waits for a CPU."""
    node: str | None = None
    """Where it is judged, once that is known."""


class _Evaluation:
    """Batches of all works waiting, the longest first, and batches in flight."""

    def __init__(self, sights: Sequence[_Sight]) -> None:
        self._sights = sights
        # Seconds (negative, since the least comes first), order of arrival, place of the work, batch.
        self._waiting: list[tuple[float, int, int, Batch]] = []
        self._added = itertools.count()
        self._flights: dict[Any, _Flight] = {}
        self._cpus, self._nodes, self._looked = int(cluster_cpus()), living_nodes(), time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether anything is waiting or in flight."""
        return bool(self._waiting or self._flights)

    @property
    def in_flight(self) -> bool:
        """Whether any batch is being judged."""
        return bool(self._flights)

    def add(self, place: int, batches: Iterable[Batch]) -> None:
        """Queue batches of the work at a place."""
        for batch in batches:
            self._sights[place].wanted_by(batch)
            heapq.heappush(self._waiting, (-batch.seconds, next(self._added), place, batch))

    def step(self, training_cpus: float) -> dict[int, list[Record]]:
        """Start what fits beside trainings that still need `training_cpus`, wait a moment, and return what was judged by work."""
        self._look_at_the_cluster()
        records: defaultdict[int, list[Record]] = defaultdict(list)
        while self._waiting and len(self._flights) < batches_at_once(self._cpus, training_cpus):
            *_, place, batch = heapq.heappop(self._waiting)
            sight = self._sights[place]
            sight.listener.batch_started(batch)
            try:
                self._flights[sight.submit(batch)] = _Flight(place, batch)
            except BenchError as error:
                sight.done_with(batch)
                records[place] += failed_records(batch.cells, sight.work, f"{type(error).__name__}: {error}")
        if self._flights:
            ready, _ = ray.wait(list(self._flights), num_returns=len(self._flights), timeout=_POLL_SECONDS, fetch_local=False)
            for stream in ready:
                records[self._flights[stream].place] += self._receive(stream)
        return {place: of_work for place, of_work in records.items() if of_work}

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
            self._land(stream)
        except ray.exceptions.RayError as error:
            # What is left of the batch is queued before its views would be forgotten.
            records += self._after_failure(flight, error)
            self._land(stream)
        return records

    def _land(self, stream: Any) -> None:
        flight = self._flights.pop(stream)
        self._sights[flight.place].done_with(flight.batch)

    def _after_failure(self, flight: _Flight, error: Exception) -> list[Record]:
        """Return records of what has failed for good, and queue the rest of the batch again."""
        batch, sight = flight.batch, self._sights[flight.place]
        work, limit = sight.work, sight.work.cell_limit
        rest = batch.cells[flight.judged :]
        cause = getattr(error, "cause", None) or error
        if not isinstance(cause, ray.exceptions.RayError):
            return failed_records(rest, work, _reason(cause))
        sight.lost(batch)
        if limit is not None and rest and time.monotonic() - flight.heard >= limit:
            self._requeue(flight, rest[1:], batch.attempt)
            return failed_records(rest[:1], work, took_longer(limit), "timeout")
        if batch.attempt + 1 >= _ATTEMPTS:
            return failed_records(rest, work, f"{_reason(cause)} ({_ATTEMPTS} attempts)")
        for cell in rest:
            self._requeue(flight, (cell,), batch.attempt + 1)
        return []

    def _requeue(self, flight: _Flight, cells: tuple[Cell, ...], attempt: int) -> None:
        batch = flight.batch
        if cells:
            share = batch.seconds * len(cells) / len(batch.cells)
            self.add(flight.place, (replace(batch, cells=cells, seconds=share, attempt=attempt),))

    def _look_at_the_cluster(self) -> None:
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._cpus, self._looked = int(cluster_cpus()), time.monotonic()
        there = living_nodes()
        gone, self._nodes = self._nodes - there, there
        if gone:
            nodes = "a node" if len(gone) == 1 else f"{len(gone)} nodes"
            self._sights[0].listener.notice(f"{nodes} left the cluster: what was begun there is done elsewhere")
            # A task behind a cut link is never reported as lost. What waits may wait for something that was made there.
            for stream, flight in list(self._flights.items()):
                if flight.node in gone or flight.node is None:
                    self._requeue(flight, flight.batch.cells[flight.judged :], flight.batch.attempt)
                    self._land(stream)
            for sight in self._sights:
                sight.lost_all()


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
            begun = time.monotonic()
            try:
                (records,) = judge_batch(replace(batch, cells=(cell,)), method, view, dataset, origin, model_name, orders)
            finally:
                faulthandler.cancel_dump_traceback_later()
            # The process is given a moment more than the limit, so that a cell that ends by itself costs no worker.
            late = time.monotonic() - begun > limit
            yield [overdue(record, limit) for record in records] if late else records


def batches_at_once(cpus: int, training_cpus: float) -> int:
    """Return how many batches may be in flight on a cluster whose trainings, running or waiting, still need `training_cpus`.

    Trainings are the longest tasks, and Ray gives a freed CPU to any task that waits: batches keep out of their way. Once all
    trainings are done, a few more batches than CPUs are in flight, so that no CPU waits for the driver.
    """
    return 2 * cpus + 2 if training_cpus == 0 else max(0, cpus - math.ceil(training_cpus))


def _reason(error: Exception) -> str:
    # Ray's first sentence says what happened; the others refer to logs that are deleted after the run.
    return f"{type(error).__name__}: {first_line(error).partition('. ')[0]}"
