"""Listeners beside the display: what other processes read, and several as one."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bench.engine.forecast import Forecast
from bench.engine.work import Batch, Listener, TrainingJob, Work
from bench.errors import StoreError
from bench.judge.record import Record
from bench.plan.cells import ModelKey
from bench.store.progress import Progress, TrainingProgress, write_progress
from gmvae.training import EpochStats

_EVERY_SECONDS, _MAX_POINTS = 1.0, 200


class ProgressFile(Listener):
    """Keeps `progress.json` of the run folder up to date, at most once a second."""

    def __init__(self, work: Work, forecast: Forecast) -> None:
        self._folder, self._forecast = work.folder, forecast
        self._lock = threading.Lock()
        trainings = {job.key.id: TrainingProgress("waiting", job.training.epochs) for job in work.trainings}
        self._beside = {job.key: job.side_by_side for job in work.trainings}
        self._progress = Progress(trainings=trainings)
        self._write()

    def training_started(self, job: TrainingJob) -> None:
        """Write that a model trains."""
        self._set(job.key, at_once=True, state="training")

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Write how far it is."""
        with self._lock:
            curve = self._progress.trainings[key.id].curve
            curve.append((stats.epoch, stats.loss, stats.live_components))
            if len(curve) > _MAX_POINTS:
                # Every second one: a page has no room for more, and the file stays small.
                del curve[1::2]
        # Its own seconds are a share of its pack's; what is left is told by the clock.
        self._set(key, epoch=stats.epoch, seconds=stats.seconds * self._beside[key])

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Write that it ended."""
        self._set(key, at_once=True, state="trained" if error is None else "failed")

    def batch_started(self, batch: Batch) -> None:  # noqa: ARG002 - the forecast counts its cells
        """Write what is judged."""
        self._set()

    def records_done(self, records: list[Record]) -> None:  # noqa: ARG002 - likewise
        """Write what is judged."""
        self._set()

    def _set(self, key: ModelKey | None = None, *, at_once: bool = False, **values: Any) -> None:
        # Called from Tune's thread and from the executor's.
        with self._lock:
            if key is not None:
                vars(self._progress.trainings[key.id]).update(values)
            if at_once or time.monotonic() - self._written >= _EVERY_SECONDS:
                # What others read is a courtesy: a full disk ends the run where records are saved, not here.
                with suppress(StoreError):
                    self._write()

    def _write(self) -> None:
        progress, forecast = self._progress, self._forecast
        progress.cells_running = dict(forecast.running)
        progress.seconds_left = forecast.seconds_left()
        write_progress(self._folder, progress)
        self._written = time.monotonic()


class Listeners(Listener):
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def starting(self, what: str) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.starting(what)

    def begun(self, cpus: float) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.begun(cpus)

    def training_started(self, job: TrainingJob) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.training_started(job)

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.epoch_done(key, stats)

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.training_done(key, error)

    def batch_started(self, batch: Batch) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.batch_started(batch)

    def records_done(self, records: list[Record]) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.records_done(records)

    def notice(self, text: str) -> None:
        """Tell all."""
        for listener in self._listeners:
            listener.notice(text)


class Failures(Listener):
    """Keeps why trainings failed, for a command that has nothing else to show."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Note a training that left no model."""
        if error is not None:
            self.errors.append(f"{key.id}: {error.removeprefix('training failed: ')}")
