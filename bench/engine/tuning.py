"""Training with Ray Tune: a trial per pack of models, reported to a listener, finished models in the run folder."""

import queue
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from bench.engine.experiment import Experiment, OverdueError, cause_of_death, fetch, fit, limited
from bench.engine.steps import Hearers, train_models
from bench.engine.work import Assignment, Failure, Listener, TrainingJob, Work
from bench.errors import BenchError, StoreError, number_of
from bench.plan.cells import ModelKey
from bench.store.models import collect_model
from bench.store.presence import is_trained
from bench.store.storage import Storage
from gmvae.training import EpochStats

# A report costs the driver milliseconds; short epochs are reported together, once a second.
_REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class _Errand:
    """The jobs of a pack, with what its trial needs of their work; it travels to a worker."""

    jobs: tuple[TrainingJob, ...]
    dataset: Any
    """Reference to the work's data set."""
    storage: Storage


def _trial(errand: _Errand, invocation: str) -> None:
    """Train the models of a pack inside a Tune trial. Tune reports go to the driver; the models go to the storage.

    Errors are reported as results: Tune restarts a trial only when its process dies.
    """
    jobs, storage = errand.jobs, errand.storage
    places = {job.key: place for place, job in enumerate(jobs)}
    overdue = f"{jobs[0].key.id}/overdue-{invocation}"
    limit = None if jobs[0].limit is None else jobs[0].limit * len(jobs)
    epochs: list[dict[str, Any]] = []
    told = 0.0

    def report(key: ModelKey, stats: EpochStats) -> None:
        nonlocal told
        epochs.append({"model": places[key]} | asdict(stats))
        now = time.monotonic()
        if now - told >= _REPORT_SECONDS:
            told = now
            tune.report({"epochs": list(epochs)})
            epochs.clear()

    def failed(error: str, **about: Any) -> None:
        tune.report({"failures": [{"model": place, "error": error} | about for place in range(len(jobs))]})

    try:
        with limited(limit, storage, overdue):
            hearers = Hearers(report, lambda text: tune.report({"notice": text}))
            failures = train_models(jobs, fetch(errand.dataset), storage, hearers)
            failed_ones = [{"model": places[key], "error": error} for key, error in failures.items()]
            tune.report({"epochs": epochs, "failures": failed_ones})
    except OverdueError:
        failed(f"the training took longer than {number_of(limit or 0, 'second')}", status="timeout")
    except StoreError as error:
        failed(str(error), fatal=True)
    except Exception as error:  # noqa: BLE001 - reported to the driver, which makes failed records of it
        failed(f"{type(error).__name__}: {error}")


class _Relay(tune.Callback):
    """Passes what happens to trials on to the listener, and finished ones to a queue."""

    def __init__(
        self,
        listeners: Sequence[tuple[Sequence[TrainingJob], Listener]],
        begun: threading.Event,
        done: Callable[[int, Mapping[int, Failure]], None],
    ) -> None:
        self._listeners = listeners
        self._begun = begun
        self._done = done
        self._failures: defaultdict[int, dict[int, Failure]] = defaultdict(dict)

    def __getstate__(self) -> dict[str, Any]:
        # Kept out of Tune's own state file: a live display and a queue cannot be written there, and need not be.
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._begun.set()
        jobs, listener = self._listeners[trial.config["pack"]]
        for job in jobs:
            listener.training_started(job)

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any) -> None:  # noqa: ARG002
        jobs, listener = self._listeners[trial.config["pack"]]
        for model, stats in _by_model(result.get("epochs", ())):
            listener.epoch_done(jobs[model].key, EpochStats(**stats))
        if "notice" in result:
            listener.notice(result["notice"])
        for model, failure in _by_model(result.get("failures", ())):
            self._failures[trial.config["pack"]][model] = Failure(**failure)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        self._done(trial.config["pack"], self._failures[trial.config["pack"]])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ARG002
        jobs, _ = self._listeners[trial.config["pack"]]
        self._done(trial.config["pack"], dict.fromkeys(range(len(jobs)), Failure(cause_of_death(trial))))


def _by_model(reports: Iterable[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the place of a model in its pack, and what is said of it."""
    for said in reports:
        yield said["model"], {name: value for name, value in said.items() if name != "model"}


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
        packs = [(place, jobs) for place, one in enumerate(assignments) for jobs in one.work.packs]
        self._packs = sorted(packs, key=lambda pair: -sum(job.cost(self._n_items(pair[0])) for job in pair[1]))
        self._datasets = datasets
        self._reported: set[int] = set()
        self.begun = threading.Event()
        """Set once a trial has its resources, or none will ever get them."""
        super().__init__(self._train)

    def _train(self, stop: tune.Stopper) -> None:
        reason = "the experiment ended before this trial did"
        try:
            if self._packs:
                self._fit(stop)
        except Exception as error:  # noqa: BLE001 - any end of the experiment must end the wait for it
            reason = f"{type(error).__name__}: {error}"
        self.begun.set()
        # Tune's word is not trusted (an interrupt looks like success): what counts is the model in the folder.
        for number, (_, jobs) in enumerate(self._packs):
            self._finish(number, dict.fromkeys(range(len(jobs)), Failure(reason)))

    def _n_items(self, place: int) -> int:
        return len(self._assignments[place].work.dataset.pool)

    def _fit(self, stop: tune.Stopper) -> None:
        works = [one.work for one in self._assignments]
        errands = tuple(_Errand(jobs, self._datasets[place], works[place].storage) for place, jobs in self._packs)
        place, (first, *_) = self._packs[0]
        listeners = [(jobs, self._assignments[place].listener) for place, jobs in self._packs]
        # Trials of several works may have the same key.
        names = [jobs[0].key.id if len(works) == 1 else f"{place}-{jobs[0].key.id}" for place, jobs in self._packs]
        fit(
            _bind(errands),
            works[place].storage,
            cpus=first.cpus,
            gpus=first.gpus,
            callbacks=[_Relay(listeners, self.begun, self._finish)],
            stop=stop,
            param_space={"pack": tune.grid_search(list(range(len(errands))))},
            trial_dirname_creator=lambda trial: names[trial.config["pack"]],
        )

    def _finish(self, number: int, failures: Mapping[int, Failure]) -> None:
        if number in self._reported:
            return
        self._reported.add(number)
        place, jobs = self._packs[number]
        for model, job in enumerate(jobs):
            self.finished.put((place, job, self._collected(self._assignments[place].work, job, failures.get(model))))

    def _collected(self, work: Work, job: TrainingJob, failure: Failure | None) -> Failure | None:
        """Take a model into its run folder; return why it is not there, if it is not."""
        try:
            if collect_model(work.storage, work.folder, job.key) or is_trained(work.folder, job.key):
                return None
        except BenchError as error:
            return Failure(str(error), fatal=True)
        except Exception as error:  # noqa: BLE001 - Tune would swallow it, and the wait for the job never end
            return Failure(f"{type(error).__name__}: {error}")
        return failure or Failure(f"the trial ended, but its model is not in {work.storage.location}")


def _bind(errands: tuple[_Errand, ...]) -> Callable[[dict[str, Any]], None]:
    invocation = uuid.uuid4().hex[:8]

    def trainable(config: dict[str, Any]) -> None:
        _trial(errands[config["pack"]], invocation)

    return trainable
