"""The live display of a suite: a row per set."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.engine.forecast import Forecast, seconds_left
from bench.engine.work import Batch, Listener, TrainingJob, Work
from bench.errors import number_of
from bench.judge.record import Record
from bench.plan.cells import CellKey, ModelKey
from bench.show.display import Display
from bench.show.durations import format_seconds
from gmvae.training import EpochStats

_RECENT_FAILURES = 3


@dataclass
class _Row:
    """How far a set is."""

    name: str
    epochs: dict[ModelKey, int]
    """Of each training."""
    n_cells: int
    reached: dict[ModelKey, int] = field(default_factory=dict)
    """Epochs done by trainings that have begun."""
    trained: int = 0
    ok: int = 0
    failed: int = 0
    running: set[CellKey] = field(default_factory=set)

    @property
    def state(self) -> str:
        """What is going on, in a word or two."""
        if self.ok + self.failed == self.n_cells and self.trained == len(self.epochs):
            return "done"
        if self.reached:
            key = max(self.reached, key=lambda key: self.reached[key])
            return f"training {key.id}: {self.reached[key]}/{self.epochs[key]}"
        return f"judging {number_of(len(self.running), 'cell')}" if self.running else "waiting"


class _Ear(Listener):
    """Hears how one set progresses."""

    def __init__(self, display: "SuiteDisplay", row: _Row) -> None:
        self._display, self._row = display, row

    def begun(self, cpus: float) -> None:  # noqa: ARG002 - the forecast counts with them
        """Show that what had to start has started."""
        self._display.starting("")

    def training_started(self, job: TrainingJob) -> None:
        """Show that a model trains."""
        with self._display.changing():
            self._row.reached.setdefault(job.key, 0)

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Show how far it is."""
        with self._display.changing():
            self._row.reached[key] = stats.epoch

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Show that it ended."""
        with self._display.changing():
            self._row.reached.pop(key, None)
            self._row.trained += 1
            if error is not None:
                self._display.failures.append(f"{self._row.name}, {key.id}: {error}")

    def batch_started(self, batch: Batch) -> None:
        """Count the cells that workers have."""
        with self._display.changing():
            self._row.running.update(cell.key for cell in batch.cells)

    def records_done(self, records: list[Record]) -> None:
        """Count those that are judged."""
        with self._display.changing():
            self._row.running.difference_update(record.key for record in records)
            failed = [record for record in records if record.status != "ok"]
            self._row.ok += len(records) - len(failed)
            self._row.failed += len(failed)
            self._display.failures.extend(
                f"{self._row.name}, {record.method} at {record.n_labeled}: {record.error}" for record in failed[:1]
            )

    def notice(self, text: str) -> None:
        """Print a notice for the user."""
        self._display.notice(f"{self._row.name}: {text}")


class SuiteDisplay(Display):
    """Shows all sets; used as a context manager."""

    def __init__(self, works: dict[str, Work], forecasts: Sequence[Forecast], console: Console) -> None:
        super().__init__(console)
        self._forecasts = forecasts
        self.failures: list[str] = []
        self._rows = {
            name: _Row(
                name,
                {job.key: job.training.epochs for job in work.trainings},
                sum(len(batch.cells) for batch in work.batches),
            )
            for name, work in works.items()
        }

    def ear(self, name: str) -> Listener:
        """Return the listener of a set."""
        return _Ear(self, self._rows[name])

    def changing(self) -> AbstractContextManager[object]:
        """Hold what is shown while it changes."""
        return self._lock

    def _line(self) -> str:
        with self._lock:
            rows = list(self._rows.values())
            done = sum(row.ok + row.failed for row in rows)
            failed = sum(row.failed for row in rows)
            said = f"{done:,} of {number_of(sum(row.n_cells for row in rows), 'cell')}" + (
                f", {failed:,} failed" if failed else ""
            )
            active = [f"{row.name} {row.state}" for row in rows if row.state not in ("done", "waiting")]
            parts = filter(None, [self._starting, said, self._left(), *active])
            return f"{format_seconds(time.monotonic() - self._begun)}: {'; '.join(parts)}"

    def _left(self) -> str:
        left = None if self._starting else seconds_left(self._forecasts)
        return "" if left is None else f"about {format_seconds(left)} left"

    def _render(self) -> RenderableType:
        with self._lock:
            table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
            for name in ("set", "models", "cells", "failed", "", ""):
                table.add_column(name, justify="right" if name in ("models", "cells", "failed") else "left", header_style="dim")
            for row in self._rows.values():
                table.add_row(*self._cells(row))
            lines = [Text(line, style="red", overflow="ellipsis", no_wrap=True) for line in self.failures[-_RECENT_FAILURES:]]
            spent = format_seconds(time.monotonic() - self._begun)
            return Group(table, *lines, Text(", ".join(filter(None, (spent, self._starting, self._left()))), style="dim"))

    @staticmethod
    def _cells(row: _Row) -> list[RenderableType]:
        done = row.ok + row.failed
        models = f"{row.trained}/{len(row.epochs)}" if row.epochs else ""
        failed = Text(f"{row.failed:,}", style="red") if row.failed else Text("")
        return [
            row.name,
            models,
            f"{done:,}/{row.n_cells:,}",
            failed,
            ProgressBar(max(1, row.n_cells), done, width=20),
            row.state,
        ]
