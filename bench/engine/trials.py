"""Trials on Ray Tune: they come from a desk, report to it, and are stopped when it says so; a trial of Tune runs a pack of them.

Ray's own `OptunaSearch` records what a scheduler stops as complete, leaves a trial without a number running for ever, and starts
trials of a killed process again; this searcher and scheduler leave all of that to the desk (`bench.search.desk`).
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.engine.desk import Desk, Ear, MostTrials, Report, RunTrials
from bench.engine.experiment import Experiment, OverdueError, cause_of_death, fetch, fit, limited
from bench.engine.interrupt import Interrupt
from bench.errors import StoreError
from bench.store.storage import Storage

_POLL_SECONDS = 0.2
_REPORT, _FAILURE, _FATAL, _NOTICE, _NUMBER = "report", "failure", "fatal", "notice", "number"


class _Ended:
    """Trials that ended before the others of their packs: an actor, since what Tune answers to a report is for the whole pack."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()

    def add(self, number: int) -> None:
        self._numbers.add(number)

    def numbers(self) -> set[int]:
        return self._numbers


@dataclass(frozen=True)
class _Given:
    """What all trials are given; it travels to workers."""

    run_trials: RunTrials
    exam: Any
    """Reference to it."""
    storage: Storage
    ended: Any
    """The actor that knows; `None` where every trial is alone."""
    invocation: str


def _trial(config: dict[str, Any], given: _Given) -> None:
    """Run trials of the desk inside a trial of Tune."""

    def ended() -> set[int]:
        # Where a trial is alone Tune stops it, and its report does not return.
        return set() if given.ended is None else ray.get(given.ended.numbers.remote())

    def report(number: int, measured: Report) -> bool:
        # One text: Tune flattens nested results. The driver decides before this returns.
        tune.report({_NUMBER: number, _REPORT: json.dumps(asdict(measured))})
        return number in ended()

    def fail(number: int, error: str) -> None:
        tune.report({_NUMBER: number, _FAILURE: error})

    # An earlier process of this pack may have ended some.
    over = ended()
    jobs = [job for job in config["jobs"] if job.number not in over]
    if not jobs:
        return
    limit = None if jobs[0].limit is None else jobs[0].limit * len(jobs)
    error_of_all: str | None = None
    try:
        with limited(limit, given.storage, f"{jobs[0].name}/overdue-{given.invocation}"):
            ear = Ear(report, fail, lambda text: tune.report({_NOTICE: text}))
            given.run_trials(jobs, fetch(given.exam), given.storage, ear)
    except OverdueError as error:
        error_of_all = str(error)
    except StoreError as error:
        tune.report({_FATAL: str(error)})
    except Exception as error:  # noqa: BLE001 - reported to the study: a configuration that cannot be trained fails its trial
        error_of_all = f"{type(error).__name__}: {error}"
    if error_of_all is not None:
        for job in jobs:
            fail(job.number, error_of_all)


class _NotSaved:
    """Kept out of Tune's own state file: a study and a live display cannot be written there, and need not be."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _FromDesk(_NotSaved, Searcher):
    """Gives Tune what the desk hands out."""

    def __init__(self, desk: Desk, most: MostTrials | None) -> None:
        super().__init__()
        self._desk, self._most = desk, most

    def suggest(self, trial_id: str) -> Any:  # noqa: ARG002 - Ray's
        """Return the configuration of the next trial."""
        jobs = self._desk.next(self._most)
        return {"jobs": jobs} if jobs else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: the desk has heard everything from the trial."""

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study remembers."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing: the study remembers."""


class _ToDesk(_NotSaved, FIFOScheduler):
    """Tells the desk what trials report, and stops those that it ends."""

    def __init__(self, desk: Desk, ended: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._desk, self._ended = desk, ended
        self._open: dict[str, set[int]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:  # noqa: ARG002 - Ray's
        """Pass on what a trial reports."""
        stop = False
        if _NOTICE in result:
            self._desk.notice(result[_NOTICE])
        elif _FATAL in result:
            self._desk.fatal = StoreError(result[_FATAL])
            stop = True
        elif _FAILURE in result:
            self._desk.fail(result[_NUMBER], result[_FAILURE])
            stop = self._end(trial, result[_NUMBER])
        elif _REPORT in result and self._desk.hear(result[_NUMBER], Report(**json.loads(result[_REPORT]))):
            stop = self._end(trial, result[_NUMBER])
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE

    def _end(self, trial: Trial, number: int) -> bool:
        """Note that one trial of a pack ended; return whether all of them did."""
        left = self._open.setdefault(trial.trial_id, {job.number for job in trial.config["jobs"]})
        left.discard(number)
        if left:
            # Before the worker asks, which it does once this has returned.
            ray.get(self._ended.add.remote(number))
        return not left


class _Deaths(_NotSaved, tune.Callback):
    """Tells the desk of trials whose process died too often; a scheduler hears of every death."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002 - Ray's
        """End those that have not ended before."""
        for job in trial.config["jobs"]:
            self._desk.fail(job.number, cause_of_death(trial))


class RayTrials:
    """Carries out the trials of a desk on the connected Ray cluster."""

    def __init__(
        self, workers: int, cpus: float, gpus: float, interrupt: Interrupt | None = None, most: MostTrials | None = None
    ) -> None:
        self._workers, self._cpus, self._gpus, self._most = workers, cpus, gpus, most
        self._interrupt = interrupt or Interrupt()
        self._error: Exception | None = None

    def run(self, desk: Desk, exam: object, run_trials: RunTrials) -> None:
        """Run trials until there are no more; `exam` is what all of them are given."""
        ended = None if self._most is None else _ended_beside_the_driver()
        given = _Given(run_trials, ray.put(exam), desk.storage, ended, uuid.uuid4().hex[:8])
        with Experiment(lambda stop: self._fit(desk, given, stop)) as experiment:
            try:
                while not experiment.wait(_POLL_SECONDS):
                    self._interrupt.check()
            except KeyboardInterrupt:
                desk.close()
                raise
        error = desk.fatal or self._error
        if error is not None:
            raise error

    def _fit(self, desk: Desk, given: _Given, stop: tune.Stopper) -> None:
        try:
            fit(
                _bind(given),
                desk.storage,
                cpus=self._cpus,
                gpus=self._gpus,
                callbacks=[_Deaths(desk)],
                stop=stop,
                search_alg=_FromDesk(desk, self._most),
                scheduler=_ToDesk(desk, given.ended),
                num_samples=desk.n_left,
                max_concurrent_trials=self._workers,
                trial_dirname_creator=lambda trial: trial.config["jobs"][0].name,
            )
        except Exception as error:  # noqa: BLE001 - raised where the search is awaited
            self._error = error


def _ended_beside_the_driver() -> Any:
    """Start the actor on this node: as long as the search lives, it does."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0)(_Ended).options(scheduling_strategy=here).remote()


def _bind(given: _Given) -> Callable[[dict[str, Any]], None]:
    def trainable(config: dict[str, Any]) -> None:
        _trial(config, given)

    return trainable
