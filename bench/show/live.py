"""The live display of a run: trials, cells, time left."""

import time

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.engine.forecast import Forecast
from bench.engine.work import Listener, TrainingJob, Work
from bench.errors import number_of
from bench.judge.record import Record
from bench.plan.cells import ModelKey
from bench.show.display import Display
from bench.show.durations import format_seconds
from gmvae.training import EpochStats

_MAX_TRIALS, _MAX_IN_LINE = 12, 4
_RECENT_FAILURES = 3


class LiveDisplay(Display, Listener):
    """Shows what it hears; used as a context manager."""

    def __init__(self, work: Work, forecast: Forecast, console: Console) -> None:
        super().__init__(console)
        self._forecast = forecast
        self._epochs = {job.key: job.training.epochs for job in work.trainings}
        self._stats: dict[ModelKey, EpochStats] = {}
        self._state: dict[ModelKey, str] = dict.fromkeys(self._epochs, "waiting")
        self._beside: dict[ModelKey, int] = {}
        self._failures: list[str] = []

    def begun(self, cpus: float) -> None:  # noqa: ARG002 - the forecast counts with them
        """Show that what had to start has started; workers have yet to load torch."""
        models = f"{number_of(len(self._epochs), 'model')} to train, " if self._epochs else ""
        todo = f"{models}{number_of(self._forecast.n_cells, 'cell')} to judge"
        self.starting(f"starting workers (about 10 s): {todo}" if self._starting and self._epochs else "")

    def training_started(self, job: TrainingJob) -> None:
        """Show that a model trains."""
        self.starting("")
        with self._lock:
            self._state[job.key] = "training"
            self._beside[job.key] = job.side_by_side

    def epoch_done(self, key: ModelKey, stats: EpochStats) -> None:
        """Show how far it is, and where it goes on if an earlier attempt left a checkpoint."""
        with self._lock:
            first, self._stats[key] = key not in self._stats, stats
        if first and stats.epoch > 1:
            self.notice(f"{key.id} goes on from epoch {stats.epoch - 1}")

    def training_done(self, key: ModelKey, error: str | None) -> None:
        """Show that it ended."""
        with self._lock:
            self._state[key] = "trained" if error is None else "failed"
            if error is not None:
                self._failures.append(f"{key.id}: {error}")

    def records_done(self, records: list[Record]) -> None:
        """Show what failed."""
        with self._lock:
            failed = [record for record in records if record.status != "ok"]
            self._failures += [f"{record.method} at {record.n_labeled}: {record.error}" for record in failed[:1]]

    def _line(self) -> str:
        with self._lock:
            one = self._forecast
            failed = f", {one.n_failed:,} failed" if one.n_failed else ""
            cells = f"{one.n_ok + one.n_failed:,} of {number_of(one.n_cells, 'cell')}{failed}" if one.n_cells else ""
            said = "; ".join(filter(None, (self._starting, self._models_in_words(), cells, self._left())))
            return f"{format_seconds(time.monotonic() - self._begun)}: {said}"

    def _left(self) -> str:
        if self._starting:
            return ""
        left, training = self._forecast.seconds_left(), self._forecast.training_left()
        if left is not None:
            return f"about {format_seconds(left)} left"
        return "" if training is None else f"about {format_seconds(training)} of training left"

    def _judging(self) -> str:
        """Say what is judged now."""
        running = self._forecast.running.most_common()
        names = ", ".join(f"{method} {count:,}" for method, count in running[:_MAX_IN_LINE])
        more = f", and {len(running) - _MAX_IN_LINE} more methods" if len(running) > _MAX_IN_LINE else ""
        return f"judging {names}{more}" if running else ""

    def _models_in_words(self) -> str:
        if not self._state:
            return ""
        states = list(self._state.values())
        parts = [f"{states.count('trained'):,} of {number_of(len(states), 'model')} trained"]
        if "failed" in states:
            parts.append(f"{states.count('failed'):,} failed")
        running = [key for key, state in self._state.items() if state == "training"]
        for key in running[:_MAX_IN_LINE]:
            stats = self._stats.get(key)
            parts.append(f"{key.id} at epoch {stats.epoch if stats else 0} of {self._epochs[key]}")
        if len(running) > _MAX_IN_LINE:
            parts.append(f"and {len(running) - _MAX_IN_LINE} more")
        return ", ".join(parts)

    def _render(self) -> RenderableType:
        with self._lock:
            parts: list[RenderableType] = []
            if self._epochs:
                parts.append(self._trials())
            parts.append(self._cells())
            parts += [
                Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in (self._starting, self._judging()) if line
            ]
            parts += [Text(line, style="red", overflow="ellipsis", no_wrap=True) for line in self._failures[-_RECENT_FAILURES:]]
            return Group(*parts)

    def _trials(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for name in ("model", "state", "epoch", "loss", "live K", "items/s", "left"):
            table.add_column(name, justify="left" if name in ("model", "state") else "right", no_wrap=True, header_style="dim")
        active = sorted(self._epochs, key=lambda key: ("training", "waiting", "failed", "trained").index(self._state[key]))
        for key in active[:_MAX_TRIALS]:
            stats = self._stats.get(key)
            if stats is None:
                table.add_row(key.id, self._state[key], f"-/{self._epochs[key]}", "", "", "", "")
                continue
            # A model has a share of its pack's time.
            left = stats.seconds * self._beside.get(key, 1) / stats.epoch * (self._epochs[key] - stats.epoch)
            table.add_row(
                key.id,
                self._state[key],
                f"{stats.epoch}/{self._epochs[key]}",
                f"{stats.loss:.2f}",
                str(stats.live_components),
                f"{stats.images_per_second / self._beside.get(key, 1):,.0f}",
                format_seconds(left) if self._state[key] == "training" else "",
            )
        if len(active) > _MAX_TRIALS:
            table.add_row(f"… and {len(active) - _MAX_TRIALS} more")
        return table

    def _cells(self) -> Table:
        one, spent = self._forecast, format_seconds(time.monotonic() - self._begun)
        done = one.n_ok + one.n_failed
        table = Table.grid(padding=(0, 2, 0, 0))
        counts = Text.assemble(f"cells {done:,}/{one.n_cells:,}", (f"  {one.n_failed:,} failed", "red") if one.n_failed else "")
        table.add_row(counts, ProgressBar(max(1, one.n_cells), done, width=24), ", ".join(filter(None, (spent, self._left()))))
        return table
