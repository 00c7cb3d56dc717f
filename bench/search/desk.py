"""The desk of a search: hands out trials, takes their reports, and writes them into the study."""

import math
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from bench.engine.desk import MostTrials, Report
from bench.errors import BenchError, StoreError
from bench.search.space import Value
from bench.search.study import ERROR, Ending, Study
from bench.search.trial import TrialJob, are_alike, trial_folder
from bench.store.storage import Storage

Answer = TypeVar("Answer")


class SearchListener:
    """Hears how a search progresses; this one ignores it."""

    def trial_started(self, job: TrialJob) -> None:
        """Hear that a trial begins, or resumes."""

    def trial_reported(self, number: int, report: Report) -> None:
        """Hear what a trial has reached."""

    def trial_ended(self, number: int, state: Ending) -> None:
        """Hear that a trial is complete, pruned or failed; the study has it."""

    def notice(self, text: str) -> None:
        """Hear a notice for the user."""


class StudyDesk:
    """Where trials come from and report to.

    Parameters
    ----------
    make_job
        Makes a job of a trial's number and parameters, or raises `BenchError` if they do not fit together.
    notes
        What to record about every trial that ends, beside what it measured.
    """

    def __init__(
        self,
        study: Study,
        make_job: Callable[[int, dict[str, Value]], TrialJob],
        n_trials: int,
        storage: Storage,
        listener: SearchListener,
        notes: Mapping[str, Any],
    ) -> None:
        self.storage = storage
        self.listener = listener
        self._study, self._make_job, self._n_trials = study, make_job, n_trials
        self._notes = notes
        self._seen: dict[int, Report] = {}
        self._running: set[int] = set()
        self._taken: deque[TrialJob] = deque()
        """Taken from the study, but of another shape than those that they would have run beside."""
        self._closed = False
        self.fatal: BenchError | None = None
        """Why the search must end: the storage of the study or of checkpoints is full or missing."""

    def close(self) -> None:
        """Stop handing out trials and taking reports: trials that still run are interrupted, and stay unfinished."""
        self._closed = True

    def notice(self, text: str) -> None:
        """Pass a notice on to the user."""
        self.listener.notice(text)

    @property
    def n_left(self) -> int:
        """Trials still to be finished: at least the interrupted ones, whatever number was asked for."""
        return max(self._n_trials - self._study.n_finished, self._study.n_interrupted)

    def next(self, most: MostTrials | None = None) -> tuple[TrialJob, ...]:
        """Return the next trials to run, as one: of equal shape, and as many as `most` says of the first; or none."""
        first = self._taken.popleft() if self._taken else self._take()
        if first is None or self._closed or self.fatal is not None:
            return ()
        size = 1 if most is None else most(first)
        jobs = [first, *(job for job in self._taken if are_alike(first, job))][:size]
        left = [job for job in self._taken if job not in jobs]
        # Trials of other shapes wait for their turn, but no more of them than would fill it.
        while len(jobs) < size and len(left) < size and (job := self._take()) is not None:
            (jobs if are_alike(first, job) else left).append(job)
        self._taken = deque(left)
        for job in jobs:
            self._running.add(job.number)
            self.listener.trial_started(job)
        return tuple(jobs)

    def _take(self) -> TrialJob | None:
        while (
            not self._closed
            and self.fatal is None
            and (taken := self._or_end(lambda: self._study.take(self._n_trials), None)) is not None
        ):
            number, parameters = taken
            try:
                return self._make_job(number, parameters)
            except BenchError as error:
                self._running.add(number)
                self.fail(number, str(error))
        return None

    def hear(self, number: int, report: Report) -> bool:
        """Take what a trial reports; return whether it ends here."""
        return self._closed or self._or_end(lambda: self._hear(number, report), otherwise=True)

    def _hear(self, number: int, report: Report) -> bool:
        self._seen[number] = report
        self.listener.trial_reported(number, report)
        values = list(report.values.values())
        odd = [value for value in values if not math.isfinite(value)]
        if odd:
            self._end(number, "failed", error=f"the criterion is {odd[0]} after epoch {report.epoch}")
            return True
        stop = self._study.report(number, report.epoch, values[0], ask=not report.final) if len(values) == 1 else False
        if report.final:
            self._end(number, "complete", values)
        elif stop:
            self._end(number, "pruned")
        return report.final or stop

    def _or_end(self, action: Callable[[], Answer], otherwise: Answer) -> Answer:
        """Act on the study; if it cannot be reached, note that the search must end."""
        try:
            return action()
        except BenchError as error:
            self.fatal = error
            return otherwise

    def fail(self, number: int, error: str) -> None:
        """End a trial that went wrong, unless it ended before."""
        if not self._closed and number in self._running:
            self._or_end(lambda: self._end(number, "failed", error=error), None)

    def _end(self, number: int, state: Ending, values: list[float] | None = None, error: str | None = None) -> None:
        self._running.discard(number)
        report = self._seen.pop(number, None)
        notes = dict(self._notes)
        if report is not None:
            notes |= {"seconds": report.seconds, "epoch": report.epoch, "watched": report.watched}
        if error is not None:
            notes[ERROR] = error
        self._study.finish(number, state, values, notes)
        # Leftovers that cannot be cleared do no harm.
        with suppress(StoreError):
            self.storage.clear(trial_folder(number))
        self.listener.trial_ended(number, state)
