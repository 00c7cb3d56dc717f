"""Training with Ray Tune: a trial per model, reported to a listener, finished models in the run folder."""

import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from bench.engine.experiment import Experiment, OverdueError, cause_of_death, fetch, fit, limited
from bench.engine.steps import train_model
from bench.engine.work import Assignment, Failure, Listener, TrainingJob
from bench.errors import BenchError, StoreError, number_of
from bench.store.models import collect_model
from bench.store.presence import is_trained
from bench.store.storage import Storage
from gmvae.training import EpochStats

# A report costs the driver milliseconds; short epochs are reported together, once a second.
_REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class _Errand:
    """A job, with what its trial needs of its work; it travels to a worker."""

    job: TrainingJob
    dataset: Any
    """Reference to the work's data set."""
    storage: Storage


def _trial(errand: _Errand, invocation: str) -> None:
    """Train one model inside a Tune trial. Tune reports go to the driver; the model goes to the storage.

    Errors are reported as results: Tune restarts a trial only when its process dies.
    """
    job, storage = errand.job, errand.storage
    overdue = f"{job.key.id}/overdue-{invocation}"
    epochs: list[dict[str, Any]] = []
    told = 0.0

    def report(stats: EpochStats) -> None:
        nonlocal told
        epochs.append(asdict(stats))
        now = time.monotonic()
        if now - told >= _REPORT_SECONDS or stats.epoch == job.training.epochs:
            told = now
            tune.report({"epochs": list(epochs)})
            epochs.clear()

    try:
        with limited(job.limit, storage, overdue):
            train_model(job, fetch(errand.dataset), storage, report, lambda text: tune.report({"notice": text}))
            tune.report({"done": True})
    except OverdueError:
        limit = number_of(job.limit or 0, "second")
        tune.report({"failure": {"error": f"the training took longer than {limit}", "status": "timeout"}})
    except StoreError as error:
        tune.report({"failure": {"error": str(error), "fatal": True}})
    except Exception as error:  # noqa: BLE001 - reported to the driver, which makes failed records of it
        tune.report({"failure": {"error": f"{type(error).__name__}: {error}", "status": "failed"}})


class _Relay(tune.Callback):
    """Passes what happens to trials on to the listener, and finished ones to a queue."""

    def __init__(
        self,
        listeners: Sequence[tuple[TrainingJob, Listener]],
        begun: threading.Event,
        done: Callable[[int, Failure | None], None],
    ) -> None:
        self._listeners = listeners
        self._begun = begun
        self._done = done
        self._failures: dict[int, Failure] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Kept out of Tune's own state file: a live display and a queue cannot be written there, and need not be.
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._begun.set()
        job, listener = self._listeners[trial.config["job"]]
        listener.training_started(job)

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any) -> None:  # noqa: ARG002
        job, listener = self._listeners[trial.config["job"]]
        for stats in result.get("epochs", ()):
            listener.epoch_done(job.key, EpochStats(**stats))
        if "notice" in result:
            listener.notice(result["notice"])
        if "failure" in result:
            self._failures[trial.config["job"]] = Failure(**result["failure"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._done(trial.config["job"], self._failures.get(trial.config["job"]))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._done(trial.config["job"], Failure(cause_of_death(trial)))


class TuneTraining(Experiment):
    """All trainings of some works as one Tune experiment, in a thread beside the evaluation; those that take longest come first.

    `finished` gets (number of the work, job, failure) exactly once for every job, however the experiment ends, unless it is left.

    Parameters
    ----------
    assignments
        The works.
    datasets
        A reference to the data set of each.
    """

    def __init__(self, assignments: Sequence[Assignment], datasets: Sequence[Any]) -> None:
        self.finished: queue.Queue[tuple[int, TrainingJob, Failure | None]] = queue.Queue()
        self._assignments = assignments
        jobs = [(place, job) for place, one in enumerate(assignments) for job in one.work.trainings]
        self._jobs = sorted(jobs, key=lambda pair: -pair[1].cost(len(assignments[pair[0]].work.dataset.pool)))
        self._datasets = datasets
        self._reported: set[int] = set()
        self.begun = threading.Event()
        """Set once a trial has its resources, or none will ever get them."""
        super().__init__(self._train)

    def _train(self, stop: tune.Stopper) -> None:
        reason = "the experiment ended before this trial did"
        try:
            if self._jobs:
                self._fit(stop)
        except Exception as error:  # noqa: BLE001 - any end of the experiment must end the wait for it
            reason = f"{type(error).__name__}: {error}"
        self.begun.set()
        # Tune's word is not trusted (an interrupt looks like success): what counts is the model in the folder.
        for number in range(len(self._jobs)):
            self._finish(number, Failure(reason))

    def _fit(self, stop: tune.Stopper) -> None:
        works = [one.work for one in self._assignments]
        errands = tuple(_Errand(job, self._datasets[place], works[place].storage) for place, job in self._jobs)
        place, first = self._jobs[0]
        listeners = [(job, self._assignments[place].listener) for place, job in self._jobs]
        # Trials of several works may have the same key.
        names = [job.key.id if len(works) == 1 else f"{place}-{job.key.id}" for place, job in self._jobs]
        fit(
            _bind(errands),
            works[place].storage,
            cpus=first.cpus,
            gpus=first.gpus,
            callbacks=[_Relay(listeners, self.begun, self._finish)],
            stop=stop,
            param_space={"job": tune.grid_search(list(range(len(errands))))},
            trial_dirname_creator=lambda trial: names[trial.config["job"]],
        )

    def _finish(self, number: int, failure: Failure | None) -> None:
        if number in self._reported:
            return
        self._reported.add(number)
        place, job = self._jobs[number]
        work = self._assignments[place].work
        try:
            if collect_model(work.storage, work.folder, job.key) or is_trained(work.folder, job.key):
                failure = None
            elif failure is None:
                failure = Failure(f"the trial ended, but its model is not in {work.storage.location}")
        except BenchError as error:
            failure = Failure(str(error), fatal=True)
        except Exception as error:  # noqa: BLE001 - Tune would swallow it, and the wait for the job never end
            failure = Failure(f"{type(error).__name__}: {error}")
        self.finished.put((place, job, failure))


def _bind(errands: tuple[_Errand, ...]) -> Callable[[dict[str, Any]], None]:
    invocation = uuid.uuid4().hex[:8]

    def trainable(config: dict[str, Any]) -> None:
        _trial(errands[config["job"]], invocation)

    return trainable
