"""Listeners beside the display: what other processes read, TensorBoard's files, and several as one."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.engine.work import Batch, Listener, TrainingJob, Work
from bench.errors import StoreError
from bench.judge.record import Record
from bench.plan.cells import CellKey, ModelKey
from bench.store.events import EventFiles
from bench.store.progress import Progress, TrainingProgress, write_progress
from gmvae.training import EpochStats

_EVERY_SECONDS = 1.0


class ProgressFile(Listener):
    """Keeps `progress.json` of the run folder up to date, at most once a second."""

    def __init__(self, work: Work) -> None:
        self._folder = work.folder
        self._lock = threading.Lock()
        self._running: set[CellKey] = set()
        trainings = {job.key.id: TrainingProgress("waiting", job.training.epochs) for job in work.trainings}
        self._progress = Progress(trainings=trainings)
        write_progress(self._folder, self._progress)
        self._written = time.monotonic()

    def training_started(self, job: TrainingJob) -> None:
        """Write that a model trains."""
        self._set(job.key, at_once=True, state="training")

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Write how far it is."""
        self._set(key, epoch=stats.epoch, seconds=stats.seconds)

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Write that it ended."""
        self._set(key, at_once=True, state="trained" if error is None else "failed")

    def batch_started(self, batch: Batch) -> None:
        """Count cells that workers have."""
        self._change(lambda: self._running.update(cell.key for cell in batch.cells))

    def records_done(self, records: list[Record]) -> None:
        """Stop counting them."""
        self._change(lambda: self._running.difference_update(record.key for record in records))

    def _set(self, key: ModelKey, *, at_once: bool = False, **values: Any) -> None:
        self._change(lambda: vars(self._progress.trainings[key.id]).update(values), at_once=at_once)

    def _change(self, change: Callable[[], None], *, at_once: bool = False) -> None:
        # Called from Tune's thread and from the executor's.
        with self._lock:
            change()
            if at_once or time.monotonic() - self._written >= _EVERY_SECONDS:
                self._progress.cells_running = dict(Counter(key[0] for key in self._running))
                # What others read is a courtesy: a full disk ends the run where records are saved, not here.
                with suppress(StoreError):
                    write_progress(self._folder, self._progress)
                self._written = time.monotonic()


class TensorBoard(Listener):
    """Writes every epoch as event files."""

    def __init__(self, folder: Path) -> None:
        self._files = EventFiles(folder)

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Write it; if that fails, the training goes on: its history is saved with the model anyway."""
        with suppress(OSError):
            self._files.write(key, stats)

    def training_done(self, key: ModelKey, error: str | None) -> None:  # noqa: ARG002 - the interface's
        """End the file."""
        with suppress(OSError):
            self._files.close(key)


class Listeners(Listener):
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

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
