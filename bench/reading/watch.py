"""A run as a page that refreshes itself shows it, while the run goes on."""

import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.errors import BenchError, number_of
from bench.reading.figures import label_efficiency
from bench.reading.open_run import OpenRun
from bench.reading.status import Standing, standing_of
from bench.show.durations import format_seconds
from bench.show.svg import embed, scheme
from bench.store.progress import PROGRESS, Progress
from bench.store.records import PARTS, TABLE

# A figure takes a second to draw; a page need not see every record at once.
_FIGURE_SECONDS = 10.0
_MAX_CAUSES = 8
_CAPTION = "Accuracy against the number of labels, so far."


class Watched:
    """A run folder, read again only when something in it has changed; may be asked from several threads.

    Raises
    ------
    StoreError
        If there is no run in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] = ()
        self._state: dict[str, Any] = {}
        self._figure: dict[str, Any] | None = None
        self._drawn, self._n_drawn = float("-inf"), 0
        self._read()

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._folder

    def state(self) -> dict[str, Any]:
        """Return how far the run is, as JSON has it: words, counts, trainings with their curves, methods, failures, a figure."""
        with self._lock:
            stamp = self._now()
            if stamp != self._stamp:
                self._read()
                self._stamp = stamp
            return self._state

    def _now(self) -> tuple[int, ...]:
        """Return what changes whenever something is written."""
        paths = (self._folder / PROGRESS, self._folder / TABLE, self._folder / PARTS)
        # The last part lets a process that died without a word be noticed.
        return (*(path.stat().st_mtime_ns if path.exists() else 0 for path in paths), int(time.monotonic() / _FIGURE_SECONDS))

    def _read(self) -> None:
        run = OpenRun(self._folder, empty=True, lenient=True)
        standing = standing_of(run.stored)
        progress = standing.progress if standing.running else None
        self._draw(run)
        self._state = {
            "title": f"{run.name}: {run.described['n_pool']:,} items",
            "state": _state_of(standing),
            "running": standing.running,
            "left": ""
            if progress is None or progress.seconds_left is None
            else f"about {format_seconds(progress.seconds_left)} left",
            "cells": _cells(standing),
            "methods": [asdict(method) for method in standing.methods],
            "trainings": _trainings(standing, progress),
            "failures": [f"{method}, {number_of(n, 'cell')}: {error}" for method, error, n in standing.causes[:_MAX_CAUSES]],
            "figure": self._figure,
        }

    def _draw(self, run: OpenRun) -> None:
        """Draw what the records say, now and then."""
        n_records, now = len(run.every), time.monotonic()
        if not n_records or n_records == self._n_drawn or now - self._drawn < _FIGURE_SECONDS:
            return
        self._drawn, self._n_drawn = now, n_records
        try:
            picture = embed("label-efficiency", _CAPTION, label_efficiency.draw(label_efficiency.data(run)))
        except BenchError:
            # Such as: no cell has a score yet.
            return
        self._figure = {"svg": str(picture.svg), "caption": _CAPTION, "colors": scheme(picture.colors)}


def _state_of(standing: Standing) -> str:
    if standing.running:
        return "running" if standing.progress is None else f"running since {standing.progress.begun}"
    return "complete" if standing.complete else "stopped; repeat its command to go on"


def _cells(standing: Standing) -> dict[str, int]:
    return {name: sum(getattr(method, name) for method in standing.methods) for name in ("done", "running", "failed", "missing")}


def _trainings(standing: Standing, progress: Progress | None) -> list[dict[str, Any]]:
    """Return every model with how far it is; those that train now with their curves."""
    rows: list[dict[str, Any]] = []
    for key in (*standing.untrained, *standing.trained):
        here = None if progress is None else progress.trainings.get(key)
        if here is None:
            rows.append({"id": key, "state": "trained" if key in standing.trained else "waiting"})
            continue
        left = here.seconds / here.epoch * (here.epochs - here.epoch) if here.epoch and here.state == "training" else None
        rows.append(
            {
                "id": key,
                "state": here.state,
                "epoch": here.epoch,
                "epochs": here.epochs,
                "left": "" if left is None else format_seconds(left),
                "curve": here.curve,
            }
        )
    return rows
