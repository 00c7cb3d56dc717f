"""Training with Ray Tune: a trial per model, reported to a listener, finished models in the run folder."""

import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from bench.engine.experiment import Experiment, OverdueError, cause_of_death, fetch, fit, limited
from bench.engine.steps import train_model
from bench.engine.work import Failure, Listener, TrainingJob, Work
from bench.errors import BenchError, StoreError, number_of
from bench.store.models import collect_model
from bench.store.presence import is_trained
from bench.store.storage import Storage
from gmvae.training import EpochStats

# A report costs the driver milliseconds; short epochs are reported together, once a second.
_REPORT_SECONDS = 1.0


def _trial(config: dict[str, Any], dataset: Any, jobs: tuple[TrainingJob, ...], storage: Storage, invocation: str) -> None:
    """Train one model inside a Tune trial. Tune reports go to the driver; the model goes to the storage.

    Errors are reported as results: Tune restarts a trial only when its process dies.
    """
    job = jobs[config["job"]]
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
            train_model(job, fetch(dataset), storage, report, lambda text: tune.report({"notice": text}))
            tune.report({"done": True})
    except OverdueError:
        tune.report(
            {"failure": {"error": f"the training took longer than {number_of(job.limit, 'second')}", "status": "timeout"}}
        )
    except StoreError as error:
        tune.report({"failure": {"error": str(error), "fatal": True}})
    except Exception as error:  # noqa: BLE001 - reported to the driver, which makes failed records of it
        tune.report({"failure": {"error": f"{type(error).__name__}: {error}", "status": "failed"}})


class _Relay(tune.Callback):
    """Passes what happens to trials on to the listener, and finished ones to a queue."""

    def __init__(
        self,
        jobs: tuple[TrainingJob, ...],
        listener: Listener,
        begun: threading.Event,
        done: Callable[[TrainingJob, Failure | None], None],
    ) -> None:
        self._jobs = jobs
        self._listener = listener
        self._begun = begun
        self._done = done
        self._failures: dict[int, Failure] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Kept out of Tune's own state file: a live display and a queue cannot be written there, and need not be.
        return {}

    def _job(self, trial: Trial) -> TrainingJob:
        number: int = trial.config["job"]
        return self._jobs[number]

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._begun.set()
        self._listener.training_started(self._job(trial))

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any) -> None:  # noqa: ARG002
        job = self._job(trial)
        for stats in result.get("epochs", ()):
            self._listener.epoch_done(job.key, EpochStats(**stats))
        if "notice" in result:
            self._listener.notice(result["notice"])
        if "failure" in result:
            self._failures[trial.config["job"]] = Failure(**result["failure"])

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._done(self._job(trial), self._failures.get(trial.config["job"]))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._done(self._job(trial), Failure(cause_of_death(trial)))


class TuneTraining(Experiment):
    """All trainings of a run as one Tune experiment, in a thread beside the evaluation.

    `finished` gets (job, failure) exactly once for every job, however the experiment ends, unless it is left.
    """

    def __init__(self, work: Work, dataset_ref: Any, listener: Listener) -> None:
        self.finished: queue.Queue[tuple[TrainingJob, Failure | None]] = queue.Queue()
        self._work = work
        self._jobs = work.trainings
        self._listener = listener
        self._reported: set[TrainingJob] = set()
        self.begun = threading.Event()
        """Set once a trial has its resources, or none will ever get them."""
        self._dataset_ref = dataset_ref
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
        for job in self._jobs:
            self._finish(job, Failure(reason))

    def _fit(self, stop: tune.Stopper) -> None:
        jobs, first = self._jobs, self._jobs[0]
        fit(
            _bind(jobs, self._dataset_ref, self._work.storage),
            self._work.storage,
            cpus=first.cpus,
            gpus=first.gpus,
            callbacks=[_Relay(jobs, self._listener, self.begun, self._finish)],
            stop=stop,
            param_space={"job": tune.grid_search(list(range(len(jobs))))},
            trial_dirname_creator=lambda trial: jobs[trial.config["job"]].key.id,
        )

    def _finish(self, job: TrainingJob, failure: Failure | None) -> None:
        if job in self._reported:
            return
        self._reported.add(job)
        try:
            if collect_model(self._work.storage, self._work.folder, job.key) or is_trained(self._work.folder, job.key):
                failure = None
            elif failure is None:
                failure = Failure(f"the trial ended, but its model is not in {self._work.storage.location}")
        except BenchError as error:
            failure = Failure(str(error), fatal=True)
        except Exception as error:  # noqa: BLE001 - Tune would swallow it, and the wait for the job never end
            failure = Failure(f"{type(error).__name__}: {error}")
        self.finished.put((job, failure))


def _bind(jobs: tuple[TrainingJob, ...], dataset_ref: Any, storage: Storage) -> Callable[[dict[str, Any]], None]:
    invocation = uuid.uuid4().hex[:8]

    def trainable(config: dict[str, Any]) -> None:
        _trial(config, dataset_ref, jobs, storage, invocation)

    return trainable
