"""Carrying out a plan in its folder, whoever watches."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bench.engine.executors import executor_of, starting
from bench.engine.forecast import Forecast
from bench.engine.tracking import tracking
from bench.engine.watch import Failures, Listeners, ProgressFile
from bench.engine.work import Listener, Work
from bench.errors import SettingsError
from bench.run import RunPlan, carry_out, make_work
from bench.store.folder import check_claim
from bench.store.lock import locked
from bench.store.presence import is_trained

Watch = Callable[[Work, Forecast], AbstractContextManager[Listener]]
"""Takes what is to be done, and what counts and estimates it; what it hears lasts as long as the `with` block."""


def carry(plan: RunPlan, folder: Path, watch: Watch, others: Sequence[Listener] = (), *, retry_failed: bool = False) -> bool:
    """Do what a folder lacks of a plan; return whether there was anything to do.

    An interrupt ends it with all that was done saved; the same call goes on.

    Raises
    ------
    StoreError, ClusterError
        If the folder belongs to other settings, cannot be written, or no cluster answers.
    """
    check_claim(folder, plan.identity)
    with locked(folder):
        work = make_work(plan, folder.resolve(), retry_failed=retry_failed)
        if not work.batches and not work.trainings:
            return False
        forecast = Forecast(work)
        with watch(work, forecast) as display:
            display.starting(starting(plan.settings))
            with (
                executor_of(plan.settings, [work]) as (executor, (placed,)),
                tracking(placed, plan.settings.trackers, display.notice) as trackers,
            ):
                listeners = Listeners([forecast, display, ProgressFile(placed, forecast), *trackers, *others])
                listeners.begun(executor.cpus)
                carry_out(placed, executor, listeners)
    return True


def train(plan: RunPlan, folder: Path, watch: Watch) -> None:
    """Train the models that a folder lacks of a plan, and judge nothing.

    Raises
    ------
    SettingsError
        If a training fails.
    """
    check_claim(folder, plan.identity)
    if all(is_trained(folder, key) for key in plan.models):
        return
    failures = Failures()
    carry(plan, folder, watch, [failures])
    if failures.errors:
        raise SettingsError(f"the training failed: {failures.errors[0]}")
