"""Measures how fast this machine trains: images per second, arithmetic, memory, and what a sweep would take."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from bench.data.dataset import ImageShape
from bench.engine.packing import gpu_bytes, models_at_once
from bench.engine.steps import threads
from bench.judge.cost import begin_peak, end_peak
from gmvae.config import ModelConfig, TrainingConfig, paper_configs
from gmvae.devices import multiplies_bfloat16_fast, resolve_device
from gmvae.objectives import OBJECTIVES
from gmvae.posteriors import encode
from gmvae.training import Member, Pack

DEFAULT, PAPER = "default", "exact"
IMAGE = (28, 28)
# Each measurement is repeated in turns, so that a slow moment of the machine hits all of them.
_ROUNDS = 3
_ROUND_SECONDS = 2.0
_MIN_STEPS = 3
_MATRIX_SIZES = {"cpu": 1024, "cuda": 8192, "mps": 4096}
_PASS_ITEMS = 4_096
# What the profiler calls the driver's entries that start something on a GPU.
_LAUNCHES = ("LaunchKernel", "GraphLaunch", "MemcpyAsync", "MemsetAsync")


@dataclass(frozen=True)
class Candidate:
    """A way to train, to be measured."""

    name: str
    model: ModelConfig
    training: TrainingConfig


@dataclass(frozen=True)
class Speed:
    """What was measured of one way to train; medians over the rounds."""

    name: str
    n_components: int
    batch_size: int
    precision: str
    images_per_second: float
    flop_per_image: float
    """Floating-point operations of the matrix products and convolutions in a training step, counted as they run, per image."""
    matrix_share: float
    """Of the machine's measured matrix speed at this precision."""
    posterior_images_per_second: float
    peak_bytes: int
    """Most memory in use while training, beyond what the process held before."""
    pack: int = 1
    """Models that were trained side by side; rates and memory are of all of them."""
    launches_per_step: float = 0.0
    """What a step asks the device for, one after the other: on a GPU launches, on a CPU operations of torch."""
    models_at_once: int | None = None
    """Models that the GPU's memory is predicted to hold side by side; `None` on a CPU."""


@dataclass(frozen=True)
class Measured:
    """The result of one call of `measure`."""

    device: str
    n_threads: int
    matrix_gflops: dict[str, float]
    """Per precision."""
    speeds: tuple[Speed, ...]

    def of(self, name: str, n_components: int) -> Speed:
        """Return one measurement, of several sizes of packs the first."""
        return next(speed for speed in self.speeds if (speed.name, speed.n_components) == (name, n_components))


def candidates(n_components: int, n_features: int, image_shape: ImageShape | None) -> tuple[Candidate, ...]:
    """Return every objective with the paper's sizes, batch and precision, and the default as `run` trains it."""
    ways = []
    for name, objective in OBJECTIVES.items():
        model, training = paper_configs(n_features, n_components)
        ways.append(
            Candidate(
                name,
                model.model_copy(update={"inference": objective.inference}),
                training.model_copy(update={"objective": name}),
            )
        )
    default = ModelConfig(n_features=n_features, n_components=n_components, image_shape=image_shape)
    # A step costs the same from the first epoch on, so warm-up and k-means can be skipped.
    return (*ways, Candidate(DEFAULT, default, TrainingConfig(start="alike")))


def measure(
    ways: Sequence[Candidate],
    data: np.ndarray,
    *,
    device: str,
    n_threads: int,
    packs: Sequence[int] = (1,),
    on_progress: Callable[[str], None] = lambda _: None,
) -> Measured:
    """Train each candidate for some seconds, in turns.

    Parameters
    ----------
    data
        Items (n, n_features) to train on, repeated where they are too few.
    packs
        How many models of each candidate train side by side; one size after the other.
    on_progress
        Called with what is measured next.
    """
    torch_device = resolve_device(device)
    with threads(n_threads):
        on_progress("matrix products")
        gflops = {name: matrix_gflops(torch_device, dtype) for name, dtype in _dtypes(torch_device).items()}
        probes = []
        for way, pack in product(ways, packs):
            on_progress(f"{way.name}, K = {way.model.n_components}: first steps")
            probes.append(_Probe(way, data, torch_device, pack))
        for turn in range(_ROUNDS):
            for probe in probes:
                on_progress(f"{probe.way.name}, K = {probe.way.model.n_components}: round {turn + 1} of {_ROUNDS}")
                probe.measure()
        return Measured(str(torch_device), n_threads, gflops, tuple(probe.speed(gflops) for probe in probes))


def matrix_gflops(device: torch.device, dtype: torch.dtype) -> float:
    """Return the speed of a large square matrix product, 2 n^3 operations, in 10^9 per second: the floor of any step."""
    n = _MATRIX_SIZES[device.type]
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))

    def multiply() -> None:
        torch.mm(a, b)
        _synchronise(device)

    multiply()
    return 2 * n**3 / statistics.median(_seconds(multiply) for _ in range(15)) / 1e9


def sweep_hours(trials: Sequence[float], at_once: int) -> float:
    """Return how long trials of the given hours take, as many at once as fit, the longest first (Graham 1969, LPT)."""
    ends = [0.0] * at_once
    for hours in sorted(trials, reverse=True):
        ends[ends.index(min(ends))] += hours
    return max(ends)


class _Probe:
    """One candidate under measurement."""

    def __init__(self, way: Candidate, data: np.ndarray, device: torch.device, pack: int) -> None:
        self.way = way
        self._pack = pack
        self._data = data
        self._device = device
        self._rates: list[float] = []
        self._passes: list[float] = []
        before = _begin_peak(device)
        # Enough items for two epochs' lengths, and one per component.
        n_items = max(2 * _MIN_STEPS * way.training.batch_size, way.model.n_components)
        self._trained = self._trainer(n_items)
        # A GPU's first steps are not recorded yet: their operations are seen one by one.
        with FlopCounterMode(display=False) as counter:
            self._trained.run_epoch(_MIN_STEPS)
        self._flop = counter.get_total_flops() / (_MIN_STEPS * way.training.batch_size * pack)
        self._trained.run_epoch(1)
        self._launches = _launches(self._trained) if device.type == "cuda" else _operations(self._trained)
        rate = self._trained.run_epoch(_MIN_STEPS)[0].images_per_second / pack
        self._peak = _end_peak(device) - before
        # An epoch of about a round's time.
        self._steps = max(_MIN_STEPS, round(_ROUND_SECONDS * rate / way.training.batch_size))
        if self._steps * way.training.batch_size > n_items:
            self._trained = self._trainer(self._steps * way.training.batch_size)
        self._items = np.resize(data, (_PASS_ITEMS, data.shape[1]))

    def measure(self) -> None:
        """Train for an epoch, and pass over items with the model."""
        self._rates.append(self._trained.run_epoch(self._steps)[0].images_per_second)
        model = self._trained.snapshot()
        self._passes.append(_PASS_ITEMS / _seconds(partial(encode, model, self._items)))

    def speed(self, gflops: dict[str, float]) -> Speed:
        """Return the medians."""
        rate = statistics.median(self._rates)
        precision = self.way.training.precision
        if precision == "auto":
            precision = "bfloat16" if "bfloat16" in gflops else "float32"
        return Speed(
            name=self.way.name,
            n_components=self.way.model.n_components,
            batch_size=self.way.training.batch_size,
            precision=precision,
            images_per_second=rate,
            flop_per_image=self._flop,
            matrix_share=rate * self._flop / (1e9 * gflops[precision]),
            posterior_images_per_second=statistics.median(self._passes),
            peak_bytes=self._peak,
            pack=self._pack,
            launches_per_step=self._launches,
            models_at_once=models_at_once(self.way.model, self.way.training, gpu_bytes(str(self._device)), self._data.nbytes),
        )

    def _trainer(self, n_items: int) -> Pack:
        items = np.resize(self._data, (n_items, self._data.shape[1]))
        members = [Member(self.way.model, model_seed) for model_seed in range(self._pack)]
        # Reseeding belongs to epochs; how much of it there is would be counted with the steps.
        training = self.way.training.model_copy(update={"reseed": False})
        return Pack(items, members, training, device=str(self._device))


class _Operations(TorchDispatchMode):
    """Counts the operations that torch carries out, but for those that only look at a tensor in another way."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one."""
        views = (value.alias_info is not None and not value.alias_info.is_write for value in func._schema.returns)
        self.count += not any(views)
        return func(*args, **(kwargs or {}))


def _operations(trained: Pack) -> float:
    batch = next(trained.batches())
    with _Operations() as operations:
        trained.take_step(batch, warming_up=False)
    return float(operations.count)


def _launches(trained: Pack) -> float:
    """Return what a step asks the GPU for: the difference of two epochs, without what each of them does once."""
    counts: list[int] = []
    for n_steps in (_MIN_STEPS, 2 * _MIN_STEPS):
        with torch.profiler.profile() as profiler:
            trained.run_epoch(n_steps)
        counts.append(sum(event.count for event in profiler.key_averages() if any(name in event.key for name in _LAUNCHES)))
    return (counts[1] - counts[0]) / _MIN_STEPS


def _dtypes(device: torch.device) -> dict[str, torch.dtype]:
    dtypes = {"float32": torch.float32}
    return dtypes | {"bfloat16": torch.bfloat16} if multiplies_bfloat16_fast(device) else dtypes


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _begin_peak(device: torch.device) -> int:
    """Forget the highest memory use so far, where the system can; return the present one in bytes."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return int(torch.cuda.memory_allocated(device))
    return begin_peak() or 0


def _end_peak(device: torch.device) -> int:
    return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else end_peak()
