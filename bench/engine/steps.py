"""The three steps that every executor carries out, each where it likes: train, represent, judge."""

import platform
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from bench.data.dataset import Dataset
from bench.engine.work import Batch, TrainingJob, Work
from bench.judge.judging import judge
from bench.judge.methods import Method
from bench.judge.record import Origin, Outcome, Record, make_record
from bench.judge.representations import REPRESENTATIONS, Source, View
from bench.plan.cells import ModelKey
from bench.store.events import event_files
from bench.store.models import load_encoded, save_model
from gmvae.posteriors import encode
from gmvae.training import EpochStats, train


def train_model(job: TrainingJob, dataset: Dataset, folder: Path, on_epoch: Callable[[EpochStats], None]) -> None:
    """Train a model, apply it to the data set, and save both in the run folder."""
    # k-means has thread pools of its own: without one limit for all, Ray and one process would differ in the last digits.
    with threads(max(1, int(job.cpus))), event_files(folder, job.key) if job.tensorboard else nullcontext() as write:

        def hear(stats: EpochStats) -> None:
            if write is not None:
                write(stats)
            on_epoch(stats)

        trained = train(dataset.pool, job.model, job.training, model_seed=job.key.model_seed, device=job.device, on_epoch=hear)
        test = None if dataset.test is None else encode(trained.model, dataset.test)
        encoded = encode(trained.model, dataset.pool), test
    save_model(folder, job.key, trained, encoded)


def represent(method: Method, clustering: ModelKey | None, dataset: Dataset, folder: Path, parent: View | None = None) -> View:
    """Compute what a method sees; the result serves every cell of that method and clustering."""
    key = method.model_for(clustering)
    encoded = None if key is None else load_encoded(folder, key)
    with threads(1):
        return REPRESENTATIONS[method.representation](Source(dataset.pool, dataset.test, clustering, encoded), parent)


def represent_parent(name: str, dataset: Dataset) -> View:
    """Compute a representation that others are made from."""
    with threads(1):
        return REPRESENTATIONS[name](Source(dataset.pool, dataset.test))


def judge_batch(
    batch: Batch, method: Method, view: View | None, dataset: Dataset, origin: Origin, model_name: str
) -> list[Record]:
    """Judge every cell of a batch on one thread; `view` may be left out where it is free (`FREE`)."""
    with threads(1):
        if view is None:
            view = REPRESENTATIONS[method.representation](Source(dataset.pool, dataset.test))
        outcomes = [judge(cell, method, view, dataset) for cell in batch.cells]
    return _records(batch, method, origin, model_name, outcomes)


def failed_batch(batch: Batch, work: Work, error: str) -> list[Record]:
    """Return a failed record for every cell of a batch that could not be judged at all."""
    outcomes = [Outcome(status="failed", error=error)] * len(batch.cells)
    return _records(batch, work.methods[batch.method], work.origin, work.model_name, outcomes)


def _records(batch: Batch, method: Method, origin: Origin, model_name: str, outcomes: list[Outcome]) -> list[Record]:
    model = method.model_name(model_name)
    host = platform.node()
    return [
        make_record(cell, origin, sees=method.sees, model=model, host=host, outcome=outcome)
        for cell, outcome in zip(batch.cells, outcomes, strict=True)
    ]


class threads:  # noqa: N801 - reads as a statement
    """Limit every numeric library to n threads, and torch with them: several cells run side by side."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __enter__(self) -> None:
        self._torch = torch.get_num_threads()
        torch.set_num_threads(self._n)
        self._pools = threadpool_limits(self._n)

    def __exit__(self, *_: object) -> None:
        self._pools.restore_original_limits()
        torch.set_num_threads(self._torch)
