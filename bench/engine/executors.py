"""Which executor carries out the work: one process, or Ray, which is imported only when it is wanted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.engine.desk import Desk, RunTrials
from bench.engine.interrupt import Interrupt
from bench.engine.packing import TrialPacks, gpu_bytes, may_use_gpus, packed
from bench.engine.serial import SerialExecutor
from bench.engine.work import Executor, Work
from bench.plan.settings import RunSettings
from bench.store.storage import Storage

RunDesk = Callable[[Desk, object, RunTrials], None]
"""Runs the trials of a desk, each with what all of them are given, until there are no more."""


def starting(settings: RunSettings) -> str:
    """Say what has to start before a run's settings can be carried out; empty for nothing."""
    if settings.executor == "serial":
        return ""
    return "starting Ray (about 5 s)" if settings.address == "local" else f"joining the Ray cluster at {settings.address}"


@contextmanager
def executor_of(settings: RunSettings, works: Sequence[Work]) -> Iterator[tuple[Executor, list[Work]]]:
    """Yield the executor that a run's settings ask for, and the works with the GPUs of its cluster."""
    if settings.executor == "serial":
        with Interrupt() as interrupt:
            yield SerialExecutor(interrupt), [packed(work, settings.pack, 1, gpu_bytes(settings.device)) for work in works]
        return
    from bench.engine.cluster import check_nodes, connected, gpu_bytes_per_training, trainings_at_once, with_cluster_gpus

    with connected(settings.address):
        from bench.engine.distributed import RayExecutor

        if settings.address != "local":
            # The storages of several works lie side by side.
            check_nodes(works[0].storage)
        placed = [with_cluster_gpus(work, asked=settings.gpus_per_trial) for work in works]
        job = next((job for work in placed for job in work.trainings), None)
        if job is not None and settings.pack != 1:
            slots = trainings_at_once(job.cpus, job.gpus)
            memory = gpu_bytes_per_training(job.gpus) if may_use_gpus(settings.device) else None
            placed = [packed(work, settings.pack, slots, memory) for work in placed]
        with Interrupt() as interrupt:
            yield RayExecutor(interrupt), placed


@contextmanager
def ray_trials(settings: RunSettings, workers: int | None, storage: Storage, packs: TrialPacks) -> Iterator[RunDesk]:
    """Yield what runs trials on the Ray cluster that a search's settings name, as many at once as fit."""
    from bench.engine.cluster import (
        check_nodes,
        connected,
        gpu_bytes_per_training,
        gpus_per_training,
        trainings_at_once,
    )

    with connected(settings.address):
        from bench.engine.trials import RayTrials

        if settings.address != "local":
            check_nodes(storage)
        cpus = settings.cpus_per_trial or 1
        gpus = gpus_per_training(cpus, settings.gpus_per_trial)
        room = trainings_at_once(cpus, gpus)
        slots = min(workers or room, room)
        memory = gpu_bytes_per_training(gpus) if packs.pack == "auto" and may_use_gpus(settings.device) else None
        with Interrupt() as interrupt:
            yield RayTrials(slots, cpus, gpus, interrupt, packs.most(slots, memory)).run
