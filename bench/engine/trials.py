"""Trials on Ray Tune: they come from a desk, report to it, and are stopped when it says so.

Ray's own `OptunaSearch` records what a scheduler stops as complete, leaves a trial without a number running for ever, and starts
trials of a killed process again; this searcher and scheduler leave all of that to the desk (`bench.search.desk`).
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from bench.engine.desk import Desk, Job, Report, RunTrial
from bench.engine.experiment import Experiment, OverdueError, cause_of_death, fetch, fit, limited
from bench.engine.interrupt import Interrupt
from bench.errors import StoreError
from bench.store.storage import Storage

_POLL_SECONDS = 0.2
_REPORT, _FAILURE, _FATAL, _NOTICE = "report", "failure", "fatal", "notice"


def _trial(config: dict[str, Any], run_trial: RunTrial, exam: Any, storage: Storage, invocation: str) -> None:
    """Run one trial of the desk inside a trial of Tune."""
    job: Job = config["job"]

    def report(measured: Report) -> bool:
        # One text: Tune flattens nested results. If the search stops the trial, this call does not return.
        tune.report({_REPORT: json.dumps(asdict(measured))})
        return False

    try:
        with limited(job.limit, storage, f"{job.name}/overdue-{invocation}"):
            run_trial(job, fetch(exam), storage, report, lambda text: tune.report({_NOTICE: text}))
    except OverdueError as error:
        tune.report({_FAILURE: str(error)})
    except StoreError as error:
        tune.report({_FATAL: str(error)})
    except Exception as error:  # noqa: BLE001 - reported to the study: a configuration that cannot be trained fails its trial
        tune.report({_FAILURE: f"{type(error).__name__}: {error}"})


class _NotSaved:
    """Kept out of Tune's own state file: a study and a live display cannot be written there, and need not be."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _FromDesk(_NotSaved, Searcher):
    """Gives Tune what the desk hands out."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def suggest(self, trial_id: str) -> Any:  # noqa: ARG002 - Ray's
        """Return the configuration of the next trial."""
        job = self._desk.next()
        return Searcher.FINISHED if job is None else {"job": job}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: the desk has heard everything from the trial."""

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study remembers."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the study remembers."""


class _ToDesk(_NotSaved, FIFOScheduler):
    """Tells the desk what trials report, and stops those that it ends."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._desk = desk

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:  # noqa: ARG002 - Ray's
        """Pass on what a trial reports."""
        number = trial.config["job"].number
        stop = False
        if _NOTICE in result:
            self._desk.notice(result[_NOTICE])
        elif _FATAL in result:
            self._desk.fatal = StoreError(result[_FATAL])
            stop = True
        elif _FAILURE in result:
            self._desk.fail(number, result[_FAILURE])
            stop = True
        elif _REPORT in result:
            stop = self._desk.hear(number, Report(**json.loads(result[_REPORT])))
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE


class _Deaths(_NotSaved, tune.Callback):
    """Tells the desk of trials whose process died too often; a scheduler hears of every death."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002 - Ray's
        """End the trial."""
        self._desk.fail(trial.config["job"].number, cause_of_death(trial))


class RayTrials:
    """Carries out the trials of a desk on the connected Ray cluster."""

    def __init__(self, workers: int, cpus: float, gpus: float, interrupt: Interrupt | None = None) -> None:
        self._workers, self._cpus, self._gpus = workers, cpus, gpus
        self._interrupt = interrupt or Interrupt()
        self._error: Exception | None = None

    def run(self, desk: Desk, exam: object, run_trial: RunTrial) -> None:
        """Run trials until there are no more; `exam` is what all of them are given."""
        trainable = _bind(run_trial, ray.put(exam), desk.storage)
        with Experiment(lambda stop: self._fit(desk, trainable, stop)) as experiment:
            try:
                while not experiment.wait(_POLL_SECONDS):
                    self._interrupt.check()
            except KeyboardInterrupt:
                desk.close()
                raise
        error = desk.fatal or self._error
        if error is not None:
            raise error

    def _fit(self, desk: Desk, trainable: Callable[[dict[str, Any]], None], stop: tune.Stopper) -> None:
        try:
            fit(
                trainable,
                desk.storage,
                cpus=self._cpus,
                gpus=self._gpus,
                callbacks=[_Deaths(desk)],
                stop=stop,
                search_alg=_FromDesk(desk),
                scheduler=_ToDesk(desk),
                num_samples=desk.n_left,
                max_concurrent_trials=self._workers,
                trial_dirname_creator=lambda trial: trial.config["job"].name,
            )
        except Exception as error:  # noqa: BLE001 - raised where the search is awaited
            self._error = error


def _bind(run_trial: RunTrial, exam: Any, storage: Storage) -> Callable[[dict[str, Any]], None]:
    invocation = uuid.uuid4().hex[:8]

    def trainable(config: dict[str, Any]) -> None:
        _trial(config, run_trial, exam, storage, invocation)

    return trainable
