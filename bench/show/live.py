"""The live display of a run: trials, cells, time left; nothing at all where the output is no terminal."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.engine.work import Listener, TrainingJob, Work
from bench.judge.record import Record
from bench.plan.cells import ModelKey
from bench.show.durations import format_seconds
from gmvae.training import EpochStats

_MAX_TRIALS = 12
_RECENT_FAILURES = 3


class LiveDisplay(Listener):
    """Shows what it hears; used as a context manager."""

    def __init__(self, work: Work, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._epochs = {job.key: job.training.epochs for job in work.trainings}
        self._stats: dict[ModelKey, EpochStats] = {}
        self._state: dict[ModelKey, str] = dict.fromkeys(self._epochs, "waiting")
        self._total = sum(len(batch.cells) for batch in work.batches)
        self._ok = self._failed = 0
        self._failures: list[str] = []
        self._begun = time.monotonic()
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def training_started(self, job: TrainingJob) -> None:
        """Show that a model trains."""
        with self._lock:
            self._state[job.key] = "training"

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Show how far it is."""
        with self._lock:
            self._stats[key] = stats

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Show that it ended."""
        with self._lock:
            self._state[key] = "trained" if error is None else "failed"
            if error is not None:
                self._failures.append(f"{key.id}: {error}")

    def records_done(self, records: list[Record]) -> None:
        """Count cells."""
        with self._lock:
            self._ok += sum(record.status == "ok" for record in records)
            failed = [record for record in records if record.status != "ok"]
            self._failed += len(failed)
            self._failures += [f"{record.method} at {record.n_labeled}: {record.error}" for record in failed[:1]]

    def notice(self, text: str) -> None:
        """Print it, above the display and where there is none."""
        self._console.print(text, style="yellow", soft_wrap=True)

    def _render(self) -> RenderableType:
        with self._lock:
            parts: list[RenderableType] = []
            if self._epochs:
                parts.append(self._trials())
            parts.append(self._cells())
            parts += [Text(line, style="red", overflow="ellipsis", no_wrap=True) for line in self._failures[-_RECENT_FAILURES:]]
            return Group(*parts)

    def _trials(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for name in ("model", "state", "epoch", "loss", "live K", "images/s", "left"):
            table.add_column(name, justify="left" if name in ("model", "state") else "right", no_wrap=True, header_style="dim")
        active = sorted(self._epochs, key=lambda key: ("training", "waiting", "failed", "trained").index(self._state[key]))
        for key in active[:_MAX_TRIALS]:
            stats = self._stats.get(key)
            if stats is None:
                table.add_row(key.id, self._state[key], f"-/{self._epochs[key]}", "", "", "", "")
                continue
            left = stats.seconds / stats.epoch * (self._epochs[key] - stats.epoch)
            table.add_row(
                key.id,
                self._state[key],
                f"{stats.epoch}/{self._epochs[key]}",
                f"{stats.loss:.2f}",
                str(stats.live_components),
                f"{stats.images_per_second:,.0f}",
                format_seconds(left) if self._state[key] == "training" else "",
            )
        if len(active) > _MAX_TRIALS:
            table.add_row(f"… and {len(active) - _MAX_TRIALS} more")
        return table

    def _cells(self) -> Table:
        done = self._ok + self._failed
        table = Table.grid(padding=(0, 2, 0, 0))
        counts = Text.assemble(f"cells {done:,}/{self._total:,}", (f"  {self._failed:,} failed", "red") if self._failed else "")
        table.add_row(counts, ProgressBar(max(1, self._total), done, width=24), format_seconds(time.monotonic() - self._begun))
        return table
