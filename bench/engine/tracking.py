"""A listener that hands what is measured to trackers, in a thread of its own: none of them slows the work down."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from bench.engine.work import Listener, TrainingJob, Work
from bench.judge.record import Record
from bench.plan.cells import ModelKey
from bench.store.trackers import Tracker, open_tracker
from gmvae.errors import first_line
from gmvae.training import EpochStats

_PATIENCE_SECONDS, _SHORT_SECONDS = 60.0, 5.0
_METRICS = ("accuracy", "macro_accuracy", "accuracy_test", "fit_seconds", "predict_seconds")
_Call = Callable[[Tracker], None]


class Tracking(Listener):
    """Writes a curve for each training, by epoch, and for each method, clustering and draw of labels, by number of labels.

    What is tracked is a courtesy: a tracker that fails is told of once and left alone, and the run goes on.

    Parameters
    ----------
    tracker
        A name of `bench.store.trackers.TRACKERS`.
    tell
        Called with notices for the user.
    """

    def __init__(self, work: Work, tracker: str, tell: Callable[[str], None]) -> None:
        self._work, self._name, self._tell = work, tracker, tell
        self._jobs = {job.key: job for job in work.trainings}
        self._open: set[str] = set()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._carry_out, name=f"track-{tracker}", daemon=True)
        self._thread.start()

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Add an epoch to a training's curve."""
        values = {name: float(value) for name, value in asdict(stats).items() if name != "epoch" and value is not None}
        if key.id not in self._open:
            self._begin(key.id, self._about_training(self._jobs[key]), fresh=stats.epoch == 1)
        self._log(key.id, values, stats.epoch)

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """End a training's curve."""
        if key.id in self._open:
            self._open.discard(key.id)
            self._put(lambda tracker: tracker.close(key.id, ok=error is None))

    def records_done(self, records: list[Record]) -> None:
        """Add cells to the curves of their methods."""
        for record in records:
            values = {name: float(value) for name in _METRICS if (value := getattr(record, name)) is not None}
            values["failed"] = float(record.status != "ok")
            name = _curve(record)
            if name not in self._open:
                self._begin(name, self._about_cells(record), fresh=False)
            self._log(name, values, record.n_labeled)

    def finish(self) -> None:
        """Send no more; what was measured so far is still on its way."""
        self._put(lambda tracker: tracker.end())
        self._calls.put(None)

    def wait(self, deadline: float) -> None:
        """Wait until everything is sent, until `time.monotonic()` is `deadline`."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._tell(f"{self._name} is slow: not everything was sent to it")

    def _put(self, call: _Call) -> None:
        # Nobody would empty the queue of a tracker that has failed.
        if self._thread.is_alive():
            self._calls.put(call)

    def _begin(self, name: str, about: dict[str, Any], *, fresh: bool) -> None:
        self._open.add(name)
        self._put(lambda tracker: tracker.open(name, about, fresh=fresh))

    def _log(self, name: str, values: dict[str, float], step: int) -> None:
        self._put(lambda tracker: tracker.log(name, values, step))

    def _about_training(self, job: TrainingJob) -> dict[str, Any]:
        settings = job.model.model_dump(mode="json") | job.training.model_dump(mode="json")
        about = {name: value for name, value in settings.items() if value is not None and not isinstance(value, (list, dict))}
        return {
            **self._about(),
            "kind": "training",
            "axis": "epoch",
            "group": "training",
            "model_seed": job.key.model_seed,
            **about,
        }

    def _about_cells(self, record: Record) -> dict[str, Any]:
        names = ("method", "sampler", "n_components", "model_seed", "label_seed", "supervision")
        values = {name: value for name in names if (value := getattr(record, name)) is not None}
        return {**self._about(), "kind": "cells", "axis": "n_labeled", "group": record.method, **values}

    def _about(self) -> dict[str, Any]:
        return {"dataset": self._work.origin.dataset, "n_pool": self._work.origin.n_pool, "run": self._work.folder.name}

    def _carry_out(self) -> None:
        tracker: Tracker | None = None
        while (call := self._calls.get()) is not None:
            try:
                # Its package may take seconds to load.
                tracker = tracker or open_tracker(self._name, self._work.folder)
                call(tracker)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in other people's code, the run goes on
                self._tell(f"{self._name} failed, and is left alone: {type(error).__name__}: {first_line(error)}")
                break


def _curve(record: Record) -> str:
    """Return what a method's curve is called: `soft k50-s0 draw 1`."""
    k, seed = record.n_components, record.model_seed
    parts = [
        record.method,
        "" if record.sampler == "random" else f"@{record.sampler}",
        "" if k is None else f"k{k}" + ("" if seed is None else f"-s{seed}"),
        f"draw {record.label_seed}",
        f"({record.supervision})" if record.supervision else "",
    ]
    return " ".join(filter(None, parts))


@contextmanager
def tracking(work: Work, trackers: Iterable[str], tell: Callable[[str], None]) -> Iterator[list[Tracking]]:
    """Yield what hands a work's measurements to trackers, and give them all a minute to send the last; less after an error."""
    every, patience = [Tracking(work, name, tell) for name in trackers], _PATIENCE_SECONDS
    try:
        yield every
    except BaseException:
        patience = _SHORT_SECONDS
        raise
    finally:
        deadline = time.monotonic() + patience
        for one in every:
            one.finish()
        for one in every:
            one.wait(deadline)
