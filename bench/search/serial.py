"""A search in this process: one pack of trials after the other, without Ray."""

from bench.engine.desk import Ear, MostTrials, Report
from bench.engine.interrupt import Interrupt
from bench.errors import StoreError
from bench.search.desk import StudyDesk
from bench.search.trial import Exam, run_trials


class SerialSearch:
    """Carries out the trials of a desk."""

    def __init__(self, interrupt: Interrupt | None = None, most: MostTrials | None = None) -> None:
        self._interrupt, self._most = interrupt or Interrupt(), most

    def run(self, desk: StudyDesk, exam: Exam) -> None:
        """Run trials until there are no more."""

        def report(number: int, report: Report) -> bool:
            self._interrupt.check()
            return desk.hear(number, report)

        ear = Ear(report, desk.fail, desk.notice)
        while jobs := desk.next(self._most):
            self._interrupt.check()
            try:
                run_trials(jobs, exam, desk.storage, ear, self._interrupt.check)
            except StoreError:
                # Nothing can be saved: that ends the search, and no trial fails for it.
                raise
            except Exception as error:  # noqa: BLE001 - a configuration that cannot be trained fails its trial, not the search
                for job in jobs:
                    desk.fail(job.number, f"{type(error).__name__}: {error}")
        if desk.fatal is not None:
            raise desk.fatal
