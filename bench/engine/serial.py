"""The executor's in-process twin: the same steps, one after the other, without Ray."""

from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np

from bench.engine.interrupt import Interrupt
from bench.engine.steps import Hearers, choose, failed_records, judge_batch, kept_view, represent_parent, seen_by, train_models
from bench.engine.work import Assignment, Batch, Listener, OrderKey, TrainingJob, ViewKey, Work
from bench.errors import StoreError
from bench.judge.record import Record
from bench.judge.representations import REPRESENTATIONS, View
from bench.plan.cells import ModelKey
from bench.store.models import collect_model, load_encoded
from gmvae.training import EpochStats


class SerialExecutor:
    """Runs everything in this process; for debugging, small runs and machines without Ray."""

    cpus = 1.0

    def __init__(self, interrupt: Interrupt | None = None) -> None:
        self._interrupt = interrupt or Interrupt()
        self._views: dict[ViewKey, View] = {}
        self._parents: dict[str, View] = {}
        self._orders: dict[tuple[*OrderKey, int], np.ndarray] = {}

    def run(self, assignments: Sequence[Assignment]) -> Generator[tuple[Work, list[Record]], None, None]:
        """Yield records as batches finish: work by work, in each those that need no training first, then model by model."""
        for one in assignments:
            self._views, self._parents, self._orders = {}, {}, {}
            for records in self._run(one.work, one.listener):
                yield one.work, records

    def _run(self, work: Work, listener: Listener) -> Iterator[list[Record]]:
        yield from self._judge(work.ready(), work, listener)
        untrained, failed = {job.key for job in work.trainings}, set[ModelKey]()
        for jobs in work.packs:
            errors = self._train(jobs, work, listener)
            for job in jobs:
                error = errors.get(job.key)
                listener.training_done(job.key, error)
                untrained.remove(job.key)
                if error is None:
                    yield from self._judge(work.waiting_for(job.key, without=untrained | failed), work, listener)
                else:
                    for batch in work.waiting_for(job.key, without=failed):
                        records = failed_records(batch.cells, work, error)
                        listener.records_done(records)
                        yield records
                    failed.add(job.key)

    def _train(self, jobs: Sequence[TrainingJob], work: Work, listener: Listener) -> dict[ModelKey, str]:
        """Train a pack, and collect its models; return why some are missing."""

        def epoch_done(key: ModelKey, stats: EpochStats) -> None:
            listener.epoch_done(key, stats)
            self._interrupt.check()

        for job in jobs:
            listener.training_started(job)
        try:
            failures = train_models(jobs, work.dataset, work.storage, Hearers(epoch_done, listener.notice))
        except StoreError:
            # Nothing can be saved: that ends the run, and no cell fails for it.
            raise
        except Exception as failure:  # noqa: BLE001 - a training that fails fails its cells, not the run
            failures = {job.key: f"{type(failure).__name__}: {failure}" for job in jobs}
        # Whatever became of the others, a model that was published is there.
        missing = [job.key for job in jobs if not collect_model(work.storage, work.folder, job.key)]
        return {key: f"training failed: {failures.get(key, 'it left no model')}" for key in missing}

    def _judge(self, batches: Iterable[Batch], work: Work, listener: Listener) -> Iterator[list[Record]]:
        # Batches of one representation follow each other, so that the views of one batch at a time are in memory.
        current, view = None, None
        for batch in sorted(batches, key=lambda batch: str(work.view_keys(batch))):
            self._interrupt.check()
            listener.batch_started(batch)
            judged = 0
            try:
                if work.view_keys(batch) != current:
                    current, view = None, None
                    view = self._view(batch, work)
                    current = work.view_keys(batch)
                assert view is not None  # noqa: S101 - set with `current`
                method = work.methods[batch.method]
                orders = self._orders_of(batch, work)
                for records in judge_batch(batch, method, view, work.dataset, work.origin, work.model_name, orders):
                    judged += len(records)
                    listener.records_done(records)
                    yield records
                    self._interrupt.check()
            except Exception as error:  # noqa: BLE001 - a representation that fails fails its cells, not the run
                records = failed_records(batch.cells[judged:], work, f"{type(error).__name__}: {error}")
                listener.records_done(records)
                yield records

    def _view(self, batch: Batch, work: Work) -> View:
        method, keys = work.methods[batch.method], work.view_keys(batch)
        self._views = {key: view for key, view in self._views.items() if key in keys}
        parent = self._parent(REPRESENTATIONS[method.representation].parent, work)
        for key in keys:
            if key not in self._views:
                model = method.model_for(key[1])
                encoded = None if model is None else load_encoded(work.folder, model)
                self._views[key] = kept_view(method, key[1], work.dataset, encoded, parent)
        return seen_by(method, batch.clustering, work.dataset, *(self._views[key] for key in keys))

    def _orders_of(self, batch: Batch, work: Work) -> dict[int, np.ndarray] | None:
        chooser = work.chooser(batch)
        if chooser is None:
            return None
        of = chooser, batch.sampler, batch.supervision
        missing = {seed: n_labeled for seed, n_labeled in work.draws(batch).items() if (*of, seed) not in self._orders}
        encoded = load_encoded(work.folder, chooser) if missing else None
        for seed, n_labeled in missing.items():
            self._orders[*of, seed] = choose(work.dataset, batch.sampler, seed, n_labeled, encoded, batch.supervision)
        return {seed: self._orders[*of, seed] for seed in batch.draws}

    def _parent(self, name: str | None, work: Work) -> View | None:
        if name is not None and name not in self._parents:
            self._parents[name] = represent_parent(name, work.dataset)
        return self._parents[name] if name is not None else None
