"""The three steps that every executor carries out: train, represent, judge."""

import gc
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int
from threadpoolctl import threadpool_limits

from bench.data.dataset import Dataset
from bench.engine.work import Batch, TrainingJob, Work
from bench.errors import StoreError, number_of
from bench.judge.identity import cell_id
from bench.judge.judging import judge
from bench.judge.methods import Method
from bench.judge.record import Origin, Outcome, Record, Status, make_record
from bench.judge.representations import REPRESENTATIONS, Source, View, side_by_side
from bench.plan.cells import Cell, Clustering, ModelKey
from bench.plan.samplers import labeled_items, select_samplers
from bench.plan.samplers.base import Sampler
from bench.plan.supervision import CLEAN, Supervision
from bench.store.models import Pair, is_published, keep_state, kept_state, publish_model
from bench.store.storage import Storage
from gmvae.errors import CheckpointError, TrainingDivergedError
from gmvae.posteriors import encode
from gmvae.training import EpochStats, Member, Pack, TrainedModel, TrainingState, train_pack

# Records of quick cells are sent together; a slower cell is on disk as soon as it is judged.
_TOGETHER_SECONDS = 1.0


# Models of a pack that are behind by more of the epochs than this train after the others.
_CATCHES_UP = 0.25

_Pair = tuple[TrainingJob, TrainingState | None]
"""A training, and where an earlier attempt stopped."""


@dataclass(frozen=True)
class Hearers:
    """Who hears of trainings while they go on."""

    epoch: Callable[[ModelKey, EpochStats], None]
    notice: Callable[[str], None]


def train_models(jobs: Sequence[TrainingJob], dataset: Dataset, storage: Storage, hearers: Hearers) -> dict[ModelKey, str]:
    """Train models side by side, from where earlier attempts stopped; apply each to the data set, and publish both.

    Returns why some were not trained, by their keys: one that fails leaves the others alone. What an earlier attempt published is
    not trained again.
    """
    pairs = [(job, _kept(job, storage, hearers)) for job in jobs if not is_published(storage, job.key)]
    alike = _about_equally_far(pairs)
    if len(alike) > 1:
        hearers.notice("models of a pack are not equally far: those that are train side by side, the others after them")
    failures: dict[ModelKey, str] = {}
    # k-means has thread pools of its own: without one limit for all, Ray and one process would differ in the last digits.
    with threads(max(1, int(jobs[0].cpus))):
        for group in alike:
            failures |= _train_alike(group, dataset, storage, hearers)
    return failures


def _about_equally_far(pairs: list[_Pair]) -> list[list[_Pair]]:
    """Return models that go on side by side: what an interrupt tore apart catches up, those of other packs would take long."""
    groups: defaultdict[int, list[_Pair]] = defaultdict(list)
    for job, state in pairs:
        groups[0 if state is None else state.epoch].append((job, state))
    if groups and max(groups) - min(groups) <= _CATCHES_UP * pairs[0][0].training.epochs:
        return [pairs]
    return list(groups.values())


def _kept(job: TrainingJob, storage: Storage, hearers: Hearers) -> TrainingState | None:
    try:
        return kept_state(storage, job.key, job.model, job.training)
    except CheckpointError as error:
        hearers.notice(f"{job.key.id}: {error}; the training starts again")
        return None


def _train_alike(pairs: Sequence[_Pair], dataset: Dataset, storage: Storage, hearers: Hearers) -> dict[ModelKey, str]:
    """Train models that are equally far, in smaller packs where memory does not suffice for all of them."""
    trained, parts = None, len(pairs)
    try:
        trained = _trained(pairs, dataset, storage, hearers)
    except CheckpointError as error:
        if len(pairs) == 1:
            job, _ = pairs[0]
            hearers.notice(f"{job.key.id}: {error}; the training starts again")
            return _train_alike([(job, None)], dataset, storage, hearers)
    except torch.OutOfMemoryError:
        if len(pairs) == 1:
            raise
        parts = 2
        hearers.notice(f"{len(pairs)} models side by side need more memory than there is: {len(pairs) // 2} are tried")
    if trained is None:
        # Only here, where the error holds it no more, what the pack held can be freed.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        bounds = [len(pairs) * number // parts for number in range(parts + 1)]
        smaller = [_train_alike(pairs[start:end], dataset, storage, hearers) for start, end in pairwise(bounds)]
        return {key: error for failures in smaller for key, error in failures.items()}
    failures = {}
    for (job, _), one in zip(pairs, trained, strict=True):
        if isinstance(one, TrainedModel):
            test = None if dataset.test is None else encode(one.model, dataset.test)
            publish_model(storage, job.key, one, (encode(one.model, dataset.pool), test))
        else:
            failures[job.key] = f"{type(one).__name__}: {one}"
    return failures


def _trained(
    pairs: Sequence[_Pair], dataset: Dataset, storage: Storage, hearers: Hearers
) -> list[TrainedModel | TrainingDivergedError]:
    jobs, states = [job for job, _ in pairs], [state for _, state in pairs]
    told, slow = time.monotonic(), False

    def keep(pack: Pack) -> None:
        nonlocal told, slow
        if pack.why_not_recorded and not slow:
            slow = True
            hearers.notice(f"steps on this GPU could not be recorded and take longer ({pack.why_not_recorded})")
        if time.monotonic() - told < jobs[0].checkpoint_seconds:
            return
        for number, job in enumerate(jobs):
            if number not in pack.errors:
                _keep(job, pack.state(number), storage, hearers)
        told = time.monotonic()

    return train_pack(
        dataset.pool,
        [Member(job.model, job.key.model_seed) for job in jobs],
        jobs[0].training,
        device=jobs[0].device,
        on_epoch=lambda number, stats: hearers.epoch(jobs[number].key, stats),
        resume=states if any(states) else None,
        on_states=keep,
    )


def _keep(job: TrainingJob, state: TrainingState, storage: Storage, hearers: Hearers) -> None:
    try:
        keep_state(storage, job.key, state, job.model, job.training)
    except StoreError as error:
        # The training continues without it; its end will show whether there is room again.
        hearers.notice(f"{job.key.id}: no checkpoint after epoch {state.epoch}: {error}")


def represent(
    method: Method, clustering: Clustering | None, dataset: Dataset, parent: View | None = None, *encoded: Pair
) -> View:
    """Compute what a method sees; the result serves every cell of that method and clustering.

    `encoded` is what each of the models that the method reads made of the data (`Method.models_read`).
    """
    pairs = encoded or (None,)
    parts = [kept_view(method, key, dataset, pair, parent) for key, pair in zip(method.parts_of(clustering), pairs, strict=True)]
    return seen_by(method, clustering, dataset, *parts)


def kept_view(
    method: Method, clustering: ModelKey | None, dataset: Dataset, encoded: Pair | None, parent: View | None = None
) -> View:
    """Compute what is worth keeping, or sending, of what a method sees of one clustering (`Method.parts_of`)."""
    with threads(1):
        return REPRESENTATIONS[method.representation].kept(_source(dataset, clustering, encoded), parent)


def seen_by(method: Method, clustering: Clustering | None, dataset: Dataset, *parts: View) -> View:
    """Complete the views of all clusterings that a method sees, where they are read, and join them."""
    source = _source(dataset)
    with threads(1):
        complete = [REPRESENTATIONS[method.representation].complete(source, part) for part in parts]
    if method.needs != "models":
        return complete[0]
    return side_by_side({key.id: part for key, part in zip(method.models_read(clustering), complete, strict=True)})


def _source(dataset: Dataset, clustering: ModelKey | None = None, encoded: Pair | None = None) -> Source:
    return Source(dataset.pool, dataset.test, clustering, encoded, dataset.image_shape)


def represent_parent(name: str, dataset: Dataset) -> View:
    """Compute a representation that others are made from."""
    with threads(1):
        return REPRESENTATIONS[name](_source(dataset))


def choose(
    dataset: Dataset, sampler: str, label_seed: int, n_labeled: int, encoded: Pair | None, supervision: Supervision = CLEAN
) -> Int[np.ndarray, " s"]:
    """Return the items that a sampler asks for, in its order: fewer than `n_labeled` where no more labels can be given.

    `encoded` is what the clustering's model made of the data.
    """
    with threads(1):
        return _chosen(dataset, sampler, label_seed, n_labeled, encoded, supervision)


def _chosen(
    dataset: Dataset, sampler: str, label_seed: int, n_labeled: int, encoded: Pair | None, supervision: Supervision
) -> Int[np.ndarray, " s"]:
    told = supervision.told(dataset.labels, dataset.n_classes, dataset.sha256, label_seed)
    # A smaller budget of the same draw must not fail with a larger one.
    n_labeled = min(n_labeled, int((told >= 0).sum()))
    return labeled_items(told, dataset.sha256, sampler, label_seed, n_labeled, None if encoded is None else encoded[0])


Orders = Mapping[int, Int[np.ndarray, " s"]]
"""By label seed: the items to label, in order."""


def judge_batch(
    batch: Batch, method: Method, view: View, dataset: Dataset, origin: Origin, model_name: str, orders: Orders | None = None
) -> Iterator[list[Record]]:
    """Judge the cells of a batch on one thread, in their order; yield records as they come, those of quick cells together.

    `orders` may be left out where the sampler looks at no model.
    """
    sampler = select_samplers([batch.sampler])[batch.sampler]
    with threads(1):
        if orders is None:
            # Limiting threads takes longer than many a draw.
            draws = batch.draws.items()
            orders = {seed: _chosen(dataset, batch.sampler, seed, n, None, batch.supervision) for seed, n in draws}
        records: list[Record] = []
        since = time.monotonic()
        for cell in batch.cells:
            outcome = judge(cell, method, view, dataset, orders[cell.label_seed], keep=batch.keep)
            records.append(_record(cell, method, sampler, origin, model_name, outcome))
            if time.monotonic() - since >= _TOGETHER_SECONDS:
                yield records
                records, since = [], time.monotonic()
        if records:
            yield records


def failed_records(cells: Iterator[Cell] | tuple[Cell, ...], work: Work, error: str, status: Status = "failed") -> list[Record]:
    """Return a failed record for each of the cells, which could not be judged."""
    outcome = Outcome(status=status, error=error)
    return [
        _record(cell, work.methods[cell.method], work.samplers[cell.sampler], work.origin, work.model_name, outcome)
        for cell in cells
    ]


def took_longer(limit: float) -> str:
    """Return the error of a cell that took longer than its limit."""
    return f"the cell took longer than {number_of(limit, 'second')}"


def overdue(record: Record, limit: float) -> Record:
    """Return the record of a cell whose answer came too late, which counts no more than none."""
    return replace(record, **asdict(Outcome(status="timeout", error=took_longer(limit))))


def _record(cell: Cell, method: Method, sampler: Sampler, origin: Origin, model_name: str, outcome: Outcome) -> Record:
    return make_record(
        cell,
        origin,
        sees=method.sees,
        model=method.model_name(model_name),
        host=platform.node(),
        outcome=outcome,
        cell_id=cell_id(cell, method, sampler, origin),
        tuned=method.tuned,
        chosen=sampler.needs_model,
        needs=method.needs,
        oracle=sampler.oracle,
    )


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
