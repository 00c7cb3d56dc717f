"""How long the rest of the work takes, from what has been heard of it so far."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.engine.estimate import Estimate
from bench.engine.work import Batch, Listener, TrainingJob, Work
from bench.judge.record import Record
from bench.plan.cells import CellKey, ModelKey
from gmvae.training import EpochStats


@dataclass
class _Sum:
    """Seconds of some cells."""

    total: float = 0.0
    n: int = 0

    def add(self, seconds: float, n: int = 1) -> None:
        self.total += seconds
        self.n += n


@dataclass(frozen=True)
class Left:
    """What is left of a work."""

    whole: Estimate
    training_seconds: float
    """Of all trainings, one after the other."""
    longest_training: float
    n_training: float
    """Trainings that run now; a pack is one."""


class Forecast(Listener):
    """Counts what is done and estimates what is left of a work; both can be asked for at any time, from any thread."""

    def __init__(self, work: Work) -> None:
        self._lock = threading.Lock()
        self._jobs = {job.key: job for job in work.trainings}
        self._costs = {job.key: job.cost(len(work.dataset.pool)) for job in work.trainings}
        self._epochs = {job.key: job.training.epochs for job in work.trainings}
        self._stats: dict[ModelKey, EpochStats] = {}
        self._training: dict[ModelKey, float] = {}
        self._methods, self._n_pool = work.methods, work.origin.n_pool
        # By method, not by cell: there may be a million of these.
        self._left: defaultdict[str, _Sum] = defaultdict(_Sum)
        self._guessed: defaultdict[str, _Sum] = defaultdict(_Sum)
        self._measured: defaultdict[str, _Sum] = defaultdict(_Sum)
        self._running: set[CellKey] = set()
        for batch in work.batches:
            for cell in batch.cells:
                self._left[cell.method].add(self._guess(cell.method, cell.budget.n_labeled))
        self.n_cells, self.n_ok, self.n_failed = sum(of.n for of in self._left.values()), 0, 0
        self.cpus = 1.0

    def _guess(self, method: str, n_labeled: int) -> float:
        return self._methods[method].estimate_seconds(n_labeled, self._n_pool)

    def begun(self, cpus: float) -> None:
        """Take note of the CPUs."""
        self.cpus = cpus

    def training_started(self, job: TrainingJob) -> None:
        """Take note of a training."""
        with self._lock:
            # Only now it is known who trains beside it.
            self._jobs[job.key] = job
            self._training[job.key] = 1 / job.side_by_side

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Measure it."""
        with self._lock:
            self._stats[key] = stats

    def training_done(self, key: ModelKey, error: str | None) -> None:  # noqa: ARG002 - the interface's
        """Count it no more."""
        with self._lock:
            self._training.pop(key, None)
            self._jobs.pop(key, None)

    def batch_started(self, batch: Batch) -> None:
        """Take note of the cells that a worker has."""
        with self._lock:
            self._running.update(cell.key for cell in batch.cells)

    def records_done(self, records: list[Record]) -> None:
        """Measure what each method takes beside what was guessed."""
        with self._lock:
            for record in records:
                guess = self._guess(record.method, record.n_labeled)
                self._running.discard(record.key)
                self._left[record.method].add(-guess, -1)
                self.n_ok += record.status == "ok"
                self.n_failed += record.status != "ok"
                if record.fit_seconds is not None and record.predict_seconds is not None:
                    self._measured[record.method].add(record.fit_seconds + record.predict_seconds)
                    self._guessed[record.method].add(guess)

    @property
    def measured(self) -> bool:
        """Whether any cell was measured: until then what they take is guessed."""
        return not self.n_cells or bool(self._measured)

    @property
    def running(self) -> Counter[str]:
        """Cells that workers have, by method."""
        with self._lock:
            return Counter(key[0] for key in self._running)

    def left(self) -> "Left | None":
        """Return what is left; `None` before any epoch of the trainings that are left was heard of."""
        with self._lock:
            trainings = self._of_trainings()
            if trainings is None:
                return None
            guessed = sum(of.total for of in self._guessed.values())
            scale = sum(of.total for of in self._measured.values()) / guessed if guessed else 1.0
            cells = [self._of_method(method, left, scale) for method, left in self._left.items() if left.n > 0]
            # A training has a share of its pack's time.
            whole_packs = [seconds * self._jobs[key].side_by_side for key, seconds in trainings.items()]
            cpu = sum(seconds * self._jobs[key].cpus for key, seconds in trainings.items())
            longest = max((*whole_packs, *(of.total / of.n for of in cells)), default=0.0)
            whole = Estimate(cpu, sum(of.total for of in cells), longest)
            return Left(whole, sum(trainings.values()), max(whole_packs, default=0.0), sum(self._training.values()))

    def seconds_left(self) -> float | None:
        """Return about how long the rest takes; `None` where that is not known yet."""
        return seconds_left([self])

    def training_left(self) -> float | None:
        """Return about how long the trainings take that are left; `None` where that is not known yet, or there are none."""
        left = self.left()
        return _makespan([left], self.cpus, judging=False) if left is not None and left.training_seconds else None

    def _of_trainings(self) -> dict[ModelKey, float] | None:
        """Return the seconds that each training still takes: by its own epochs, else by those of others and what it costs."""
        if self._jobs and not self._stats:
            return None
        cost = sum(self._costs[key] * stats.epoch / self._epochs[key] for key, stats in self._stats.items())
        rate = sum(stats.seconds for stats in self._stats.values()) / cost if cost else 0.0
        seconds = {}
        for key in self._jobs:
            stats, epochs = self._stats.get(key), self._epochs[key]
            seconds[key] = rate * self._costs[key] if stats is None else stats.seconds / stats.epoch * (epochs - stats.epoch)
        return seconds

    def _of_method(self, method: str, left: "_Sum", scale: float) -> "_Sum":
        """Return the seconds of cells that are left: their guess, as wrong as that of the method's other cells, or of all."""
        known, guessed = self._measured.get(method), self._guessed.get(method)
        rate = known.total / guessed.total if known and guessed and guessed.total else scale
        return _Sum(rate * max(0.0, left.total), left.n)


def seconds_left(forecasts: Sequence[Forecast]) -> float | None:
    """Return about how long the rest of several works takes that are carried out as one; `None` where that is not known yet.

    Before any cell was measured nothing is known of them: guesses are off by a factor of twenty on small data.
    """
    parts = [forecast.left() for forecast in forecasts]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts) or not any(forecast.measured for forecast in forecasts):
        return None
    return _makespan(known, forecasts[0].cpus)


def _makespan(parts: Sequence[Left], cpus: float, *, judging: bool = True) -> float:
    whole = Estimate(
        sum(part.whole.training_seconds for part in parts),
        sum(part.whole.judging_seconds for part in parts) if judging else 0.0,
        max(part.longest_training if not judging else part.whole.longest_seconds for part in parts),
    )
    # Trainings that wait for a GPU wait for each other, however many CPUs there are.
    trainings = sum(part.training_seconds for part in parts) / max(1.0, sum(part.n_training for part in parts))
    return max(trainings, whole.makespan(max(1.0, cpus)))
