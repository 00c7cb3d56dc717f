"""Which models train side by side: as many as pay, and never fewer packs than can train at once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from bench.engine.desk import MostTrials
from bench.engine.work import TrainingJob, Work
from bench.plan.values import Pack
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.devices import resolve_device
from gmvae.pack.members import can_share
from gmvae.pack.memory import model_bytes

# More would bring little: by then the products fill a GPU.
_AT_ONCE = 32
# Share of the memory that models and data may fill: predictions are rough, and libraries need some.
_FILLED = 0.8
# Share of a search's trials that run at once: what they are to be is decided before any of them is known.
_UNSEEN = 0.1


def packed(work: Work, pack: Pack, slots: int, memory: int | None = None) -> Work:
    """Return the work with its trainings in packs, those of one pack one after the other.

    Parameters
    ----------
    pack
        Models side by side: at most so many, or `auto`.
    slots
        Trainings that run at once: no fewer packs are made, as long as there are models.
    memory
        Bytes of the GPU, or of the share of it, that a training gets; `None` without one.
    """
    packs = []
    for alike in _alike(work.trainings):
        fits = _fitting(alike, pack, memory, work.dataset.pool.nbytes)
        size = max(1, min(fits, math.ceil(len(alike) / max(1, slots))))
        # Equal parts: a pack takes as long as its models take together.
        n_packs = math.ceil(len(alike) / size)
        bounds = [len(alike) * place // n_packs for place in range(n_packs + 1)]
        packs += [alike[start:end] for start, end in pairwise(bounds)]
    trainings = (replace(job, pack=number, side_by_side=len(jobs)) for number, jobs in enumerate(packs) for job in jobs)
    work = replace(work, trainings=tuple(trainings))
    return replace(work, notices=(*work.notices, *_in_words(work)))


@dataclass(frozen=True)
class TrialPacks:
    """How the trials of a search run as one.

    Parameters
    ----------
    pack
        Trials side by side: at most so many, or `auto`.
    """

    pack: Pack
    data_bytes: int
    n_trials: int

    def most(self, slots: int, memory: int | None) -> MostTrials | None:
        """Return how many trials of the shape of one run as one, where `slots` packs do at once; `None`: each alone.

        Parameters
        ----------
        memory
            Bytes of the GPU, or of the share of it, that a trial gets; `None` without one.
        """
        if self.pack != "auto":
            size = self.pack
            return None if size == 1 else lambda _: size
        if memory is None:
            return None
        fair = max(1, math.ceil(_UNSEEN * self.n_trials / max(1, slots)))
        return lambda job: min(fair, _fit_into(memory, job.bytes, self.data_bytes))


def may_use_gpus(device: str) -> bool:
    """Whether trainings on a device of this name are on a GPU where there is one."""
    return device.startswith(("auto", "cuda"))


def gpu_bytes(device: str) -> int | None:
    """Return the memory of the GPU that this process trains on; `None` if it trains on none."""
    place = resolve_device(device)
    return torch.cuda.get_device_properties(place).total_memory if place.type == "cuda" else None


def _in_words(work: Work) -> Iterator[str]:
    """Say how the models of a work are packed, unless each trains alone."""
    sizes = [len(jobs) for jobs in work.packs]
    if max(sizes, default=1) > 1:
        packs = "one pack" if len(sizes) == 1 else f"{len(sizes)} packs, up to {max(sizes)} side by side"
        yield f"{sum(sizes)} models train in {packs}; --pack 1 trains each alone"


def _alike(jobs: Sequence[TrainingJob]) -> Iterator[list[TrainingJob]]:
    """Yield jobs that can train side by side, those of similar K next to each other."""
    left = sorted(jobs, key=lambda job: (job.key.n_components, job.key.model_seed))
    while left:
        first = left[0]
        alike = [job for job in left if job.training == first.training and can_share(first.model, job.model)]
        yield alike
        left = [job for job in left if job not in alike]


def _fitting(jobs: Sequence[TrainingJob], pack: Pack, memory: int | None, data_bytes: int) -> int:
    """Return how many of some alike models should train side by side at most."""
    if pack != "auto":
        return pack
    # Packs gain nothing on a CPU but with small networks, and round otherwise: a run's numbers would depend on its slots.
    return min(models_at_once(job.model, job.training, memory, data_bytes) or 1 for job in jobs)


def models_at_once(model: ModelConfig, training: TrainingConfig, memory: int | None, data_bytes: int) -> int | None:
    """Return how many models of a form to train side by side on a GPU of so much memory; `None` without one."""
    if memory is None:
        return None
    return _fit_into(memory, model_bytes(model, training), data_bytes)


def _fit_into(memory: int, each: int, data_bytes: int) -> int:
    return max(1, min(_AT_ONCE, int((_FILLED * memory - data_bytes) // each)))
