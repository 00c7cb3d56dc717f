"""Training with Ray Tune: a trial per model, told to a listener, finished models in the run folder."""

import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from bench.data.dataset import Dataset
from bench.engine.steps import train_model
from bench.engine.work import Listener, TrainingJob, Work
from bench.store.models import is_trained
from gmvae.training import EpochStats

# A report costs the driver milliseconds; short epochs are told once a second.
_REPORT_SECONDS = 1.0
_METRIC = "loss"


def _trial(config: dict[str, Any], dataset: Dataset, jobs: tuple[TrainingJob, ...], folder: str) -> None:
    """Train one model inside a Tune trial. Tune reports go to the driver; the model goes to the run folder."""
    job = jobs[config["job"]]
    told = 0.0

    def report(stats: EpochStats) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _REPORT_SECONDS or stats.epoch == job.training.epochs:
            told = now
            tune.report(asdict(stats))

    train_model(job, dataset, Path(folder), report)


class _Relay(tune.Callback):
    """Passes what happens to trials on to the listener, and finished ones to a queue."""

    def __init__(
        self,
        jobs: tuple[TrainingJob, ...],
        listener: Listener,
        begun: threading.Event,
        done: Callable[[TrainingJob, str | None], None],
    ) -> None:
        self._jobs = jobs
        self._listener = listener
        self._begun = begun
        self._done = done

    def __getstate__(self) -> dict[str, Any]:
        # Tune writes its callbacks into its own state file; a live display and a queue cannot be, and need not be, written.
        return {}

    def _job(self, trial: Trial) -> TrainingJob:
        number: int = trial.config["job"]
        return self._jobs[number]

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._begun.set()
        self._listener.training_started(self._job(trial))

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any) -> None:  # noqa: ARG002
        if "epoch" in result:
            stats = EpochStats(**{name: result[name] for name in EpochStats.__dataclass_fields__})
            self._listener.epoch_done(self._job(trial).key, stats)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._done(self._job(trial), None)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._done(self._job(trial), _last_line(trial))


def _last_line(trial: Trial) -> str:
    """Return the exception of a failed trial, without Ray's traceback."""
    path = trial.error_file
    lines = Path(path).read_text(errors="replace").strip().splitlines() if path and Path(path).exists() else []
    return lines[-1] if lines else "the trial ended without a message"


class TuneTraining:
    """All trainings of a run as one Tune experiment, in a thread beside the evaluation.

    `finished` holds (job, error) for every job exactly once, whatever becomes of the experiment.
    """

    def __init__(self, work: Work, dataset_ref: Any, listener: Listener) -> None:
        self.finished: queue.Queue[tuple[TrainingJob, str | None]] = queue.Queue()
        self._jobs = work.trainings
        self._folder = work.folder
        self._listener = listener
        self._reported: set[TrainingJob] = set()
        self.begun = threading.Event()
        """Set once a trial has its resources, or none will ever have."""
        self._dataset_ref = dataset_ref
        self._thread = threading.Thread(target=self._run, name="tune", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        scratch = tempfile.mkdtemp(prefix="gmvae-bench-tune-")
        reason = "the experiment ended before this trial did"
        try:
            self._fit(scratch)
        except Exception as error:  # noqa: BLE001 - whatever ends the experiment must end the waiting for it too
            reason = f"{type(error).__name__}: {error}"
        finally:
            self.begun.set()
            # Tune's word is not trusted (an interrupt looks like success): what counts is the model in the folder.
            for job in self._jobs:
                self._finish(job, None if is_trained(self._folder, job.key) else reason)
            shutil.rmtree(scratch, ignore_errors=True)

    def _fit(self, scratch: str) -> None:
        jobs, first = self._jobs, self._jobs[0]
        trainable = tune.with_resources(_bind(jobs, self._dataset_ref, str(self._folder)), {"cpu": first.cpus, "gpu": first.gpus})
        tune.Tuner(
            trainable,
            param_space={"job": tune.grid_search(list(range(len(jobs))))},
            tune_config=tune.TuneConfig(
                metric=_METRIC, mode="min", trial_dirname_creator=lambda trial: jobs[trial.config["job"]].key.id
            ),
            run_config=tune.RunConfig(
                name="train", storage_path=scratch, verbose=0, callbacks=[_Relay(jobs, self._listener, self.begun, self._finish)]
            ),
        ).fit()

    def _finish(self, job: TrainingJob, error: str | None) -> None:
        if job in self._reported:
            return
        if error is None and not is_trained(self._folder, job.key):
            error = f"the trial ended, but its model is not in {self._folder}; is that folder visible from every node?"
        self._reported.add(job)
        self.finished.put((job, None if error is None else f"training failed: {error}"))


def _bind(jobs: tuple[TrainingJob, ...], dataset_ref: Any, folder: str) -> Callable[[dict[str, Any]], None]:
    import ray

    def trainable(config: dict[str, Any]) -> None:
        _trial(config, ray.get(dataset_ref), jobs, folder)

    return trainable
