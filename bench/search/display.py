"""A search while it runs: the best so far, what runs, what was pruned or failed."""

import time
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.engine.desk import Report
from bench.search.desk import SearchListener
from bench.search.space import Value
from bench.search.study import Ending
from bench.search.tables import value_text
from bench.search.trial import TrialJob
from bench.show.display import Display
from bench.show.durations import format_seconds

_SHOWN_RUNNING = 8


@dataclass
class _Running:
    parameters: dict[str, Value]
    epochs: int
    begun: float
    report: Report | None = None


class SearchDisplay(Display, SearchListener):
    """Shows best so far, what runs, what was pruned or failed, and the time left; used as a context manager."""

    def __init__(self, console: Console, n_trials: int, counts: dict[str, int], best: float | None, *, maximize: bool) -> None:
        super().__init__(console)
        self._n_trials, self._counts = n_trials, dict(counts)
        self._best, self._maximize = best, maximize
        self._best_trial: int | None = None
        self._running: dict[int, _Running] = {}
        self._finished = 0

    def trial_started(self, job: TrialJob) -> None:
        """Show it among those that run."""
        with self._lock:
            self._running[job.number] = _Running(job.parameters, job.rungs[-1], time.monotonic())

    def trial_reported(self, number: int, report: Report) -> None:
        """Show what it has reached."""
        with self._lock:
            if number in self._running:
                self._running[number].report = report

    def trial_ended(self, number: int, state: Ending) -> None:
        """Count it."""
        with self._lock:
            ended = self._running.pop(number, None)
            self._counts[state] = self._counts.get(state, 0) + 1
            self._finished += 1
            if ended is None or ended.report is None or state != "complete":
                return
            value = next(iter(ended.report.values.values()))
            if self._best is None or (value > self._best if self._maximize else value < self._best):
                self._best, self._best_trial = value, number

    def _line(self) -> str:
        with self._lock:
            first = f"{self._starting}; " if self._starting else ""
            return f"{self._left()}: {first}trials {self._done()}; best so far {self._best_text()}"

    def _done(self) -> str:
        words = [f"{self._counts.get(state, 0)} {state}" for state in ("complete", "pruned", "failed")]
        return f"{sum(self._counts.values())}/{self._n_trials}: {', '.join(words)}"

    def _best_text(self) -> str:
        if self._best is None:
            return "none yet"
        return f"{self._best:.5g}" + ("" if self._best_trial is None else f" (trial {self._best_trial})")

    def _render(self) -> RenderableType:
        with self._lock:
            done = sum(self._counts.values())
            head = Table.grid(padding=(0, 2, 0, 0))
            head.add_row(
                Text(f"trials {self._done()}"),
                ProgressBar(max(1, self._n_trials), done, width=24),
                self._left(),
            )
            first = [Text(self._starting, style="dim")] if self._starting else []
            return Group(head, *first, Text(f"best so far: {self._best_text()}", style="bold"), self._table())

    def _left(self) -> str:
        spent = time.monotonic() - self._begun
        if not self._finished:
            return format_seconds(spent)
        left = max(0, self._n_trials - sum(self._counts.values()))
        return f"{format_seconds(spent)}, about {format_seconds(spent / self._finished * left)} left"

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
        for name in ("running", "epoch", "reached", "for"):
            table.add_column(name, header_style="dim", no_wrap=True, min_width=len("trial 1000"))
        # Long, and the first to be cut.
        table.add_column("with", header_style="dim", no_wrap=True, overflow="ellipsis", ratio=1)
        for number, running in sorted(self._running.items())[:_SHOWN_RUNNING]:
            report = running.report
            table.add_row(
                f"trial {number}",
                f"{report.epoch if report else 0}/{running.epochs}",
                ", ".join(f"{value:.4g}" for value in report.values.values()) if report else "",
                format_seconds(time.monotonic() - running.begun),
                ", ".join(f"{name}={value_text(value)}" for name, value in running.parameters.items()),
            )
        return table
