"""A search in this process: one trial after the other, without Ray."""

from bench.engine.desk import Report
from bench.engine.interrupt import Interrupt
from bench.errors import StoreError
from bench.search.desk import StudyDesk
from bench.search.trial import Exam, run_trial


class SerialSearch:
    """Carries out the trials of a desk."""

    def __init__(self, interrupt: Interrupt | None = None) -> None:
        self._interrupt = interrupt or Interrupt()

    def run(self, desk: StudyDesk, exam: Exam) -> None:
        """Run trials until there are no more."""
        while (job := desk.next()) is not None:
            self._interrupt.check()
            number = job.number

            def report(report: Report, number: int = number) -> bool:
                self._interrupt.check()
                return desk.hear(number, report)

            try:
                run_trial(job, exam, desk.storage, report, desk.notice, self._interrupt.check)
            except StoreError:
                # Nothing can be saved: that ends the search, and no trial fails for it.
                raise
            except Exception as error:  # noqa: BLE001 - a configuration that cannot be trained fails its trial, not the search
                desk.fail(number, f"{type(error).__name__}: {error}")
        if desk.fatal is not None:
            raise desk.fatal
