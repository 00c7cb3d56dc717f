"""The study of a search: an Optuna study, and what a search that is killed and repeated needs beside it.

A trial whose process died stays RUNNING, with its number and parameters, and the next command resumes it. Each trial is sampled
with a seed made from its number, so that an interrupted search ends like one that was not.
"""

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from bench.errors import BenchError, StoreError
from bench.plan.seeds import derive_seed
from bench.search.asha import is_behind
from bench.search.sampling import make_sampler
from bench.search.settings import Algorithm
from bench.search.space import Domain, Numbers, Space, Value, describe_space
from bench.store.locations import check_database, shown_database, without_secrets
from gmvae.errors import first_line

IDENTITY, OWNER, ERROR = "identity", "search", "error"
Direction = Literal["maximize", "minimize"]
Ending = Literal["complete", "pruned", "failed"]


class Study:
    """An Optuna study that trials are taken from and reported to. One process at a time."""

    def __init__(
        self, study: optuna.Study, location: str | Path, owner: str, space: Space, algorithm: Algorithm, search_seed: int
    ) -> None:
        self._study, self._location = study, location
        self._owner = owner
        self._distributions = {name: _distribution(domain) for name, domain in sorted(space.items())}
        self._algorithm, self._search_seed = algorithm, search_seed
        self._open: dict[int, optuna.Trial] = {}
        self._interrupted = [trial for trial in self.trials if trial.state == TrialState.RUNNING and self._is_own(trial)]

    @property
    def optuna(self) -> optuna.Study:
        """The study itself, for Optuna's own tools."""
        return self._study

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials, by number."""
        return self._study.get_trials(deepcopy=False)

    @property
    def n_interrupted(self) -> int:
        """Trials of an earlier command that are to be resumed."""
        return len(self._interrupted)

    @property
    def n_open(self) -> int:
        """Trials that were taken, or are to be resumed, and have not ended."""
        return len(self._open) + len(self._interrupted)

    @property
    def n_elsewhere(self) -> int:
        """Unfinished trials of other searches in this study."""
        return sum(trial.state == TrialState.RUNNING and not self._is_own(trial) for trial in self.trials)

    @property
    def n_finished(self) -> int:
        """Trials that ended: complete, pruned or failed."""
        return sum(trial.state.is_finished() for trial in self.trials)

    def suggest_first(self, parameters: Mapping[str, Value]) -> None:
        """Give the first trial of a new study these parameters; those left out are sampled."""
        if not self.trials and parameters:
            self._study.enqueue_trial(dict(parameters), user_attrs={"default": True})

    def take(self, most: int) -> tuple[int, dict[str, Value]] | None:
        """Return number and parameters of the next trial to run, an interrupted one first; none when there are `most`."""
        with _reaching(self._location):
            if self._interrupted:
                frozen = self._interrupted.pop(0)
                self._seed(frozen.number)
                trial = optuna.Trial(self._study, frozen._trial_id)
            else:
                known = self.trials
                if self.n_finished + len(self._open) >= most:
                    return None
                self._seed(sum(frozen.state != TrialState.WAITING for frozen in known))
                trial = self._study.ask()
            trial.set_user_attr(OWNER, self._owner)
            # Asked one by one: a trial whose process died in between knows some of them already, and gets the others now.
            parameters = {name: _suggest(trial, name, distribution) for name, distribution in self._distributions.items()}
        self._open[trial.number] = trial
        return trial.number, parameters

    def report(self, number: int, epoch: int, value: float, *, ask: bool) -> bool:
        """Note what a trial reached after an epoch; return, if asked, whether it is to be stopped there."""
        trial = self._open[number]
        with _reaching(self._location):
            if epoch not in self.trials[number].intermediate_values:
                # Else an earlier process reported it before it was killed.
                trial.report(value, epoch)
            if not ask:
                return False
            reached = [trial.intermediate_values[epoch] for trial in self.trials if epoch in trial.intermediate_values]
            return is_behind(number, value, reached, maximize=self._study.direction == StudyDirection.MAXIMIZE)

    def finish(
        self,
        number: int,
        state: Ending,
        values: list[float] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """End a trial. One that ended already stays as it is."""
        trial = self._open.pop(number, None)
        if trial is None:
            return
        notes = dict(attributes or {})
        with _reaching(self._location):
            for key, value in notes.items():
                trial.set_user_attr(key, value)
            if state == "complete":
                self._study.tell(trial, values)
            else:
                self._study.tell(trial, state=TrialState.PRUNED if state == "pruned" else TrialState.FAIL)

    def _seed(self, number: int) -> None:
        # A seed for each trial: the fifth is the same whether or not the fourth was the last of an earlier process.
        self._study.sampler = make_sampler(self._algorithm, derive_seed("trial", self._search_seed, number))

    def _is_own(self, trial: FrozenTrial) -> bool:
        # Trials of another search in the same storage are left alone; one without a mark was just begun by us.
        return bool(trial.user_attrs.get(OWNER, self._owner) == self._owner)


def open_study(
    location: str | Path,
    name: str,
    identity: Mapping[str, Any],
    space: Space,
    directions: Mapping[str, Direction],
    *,
    owner: str,
    algorithm: Algorithm,
    search_seed: int,
) -> Study:
    """Open a study, or begin it.

    Parameters
    ----------
    location
        Path of a journal file, or a URL that Optuna knows: `sqlite:///search.db`.
    identity
        What must not change within a study besides space and criteria.
    directions
        Of each criterion, by name.
    owner
        Id of the search; a trial is resumed only by the search that began it.

    Raises
    ------
    StoreError
        If the storage cannot be reached, or the name is taken by a study of another space, other criteria or data.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(location)
    pruner = optuna.pruners.NopPruner()
    described = {"space": describe_space(space), "objectives": dict(directions), **identity}
    with _reaching(location):
        study = optuna.create_study(
            storage=storage, study_name=name, directions=list(directions.values()), pruner=pruner, load_if_exists=True
        )
        known = study.user_attrs.get(IDENTITY)
        if known is None and study.get_trials(deepcopy=False):
            raise StoreError(f"the study {name!r} in {shown_location(location)} was made by something else; give another --study")
        if known is None:
            study.set_user_attr(IDENTITY, described)
            _name_metrics(study, list(directions))
        elif json.loads(json.dumps(described)) != known:
            raise StoreError(_difference(name, location, known, described))
        return Study(study, location, owner, space, algorithm, search_seed)


def open_storage(location: str | Path) -> BaseStorage:
    """Return Optuna's storage at a URL or, in a journal, at a path.

    Raises
    ------
    StoreError
        If it cannot be reached.
    """
    with _reaching(location):
        if isinstance(location, Path):
            location.parent.mkdir(parents=True, exist_ok=True)
            # The search's folder is locked, so the holder of this lock is dead; Optuna would wait half a minute for it.
            Path(f"{location}.lock").unlink(missing_ok=True)
            _drop_unfinished_line(location)
            return JournalStorage(JournalFileBackend(str(location)))
        check_database(location)
        if location.startswith("redis"):
            raise ValueError("Optuna keeps pickles in Redis, which are not read; use a database")
        return RDBStorage(location)


def _drop_unfinished_line(journal: Path) -> None:
    """Cut off the unfinished line of a killed process: Optuna would append to it, and then never read it."""
    if not journal.is_file():
        return
    with journal.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
            os.fsync(file.fileno())


def shown_location(location: str | Path) -> str:
    """Return a location without any password in it."""
    return str(location) if isinstance(location, Path) else shown_database(location)


def _distribution(domain: Domain) -> BaseDistribution:
    if not isinstance(domain, Numbers):
        return CategoricalDistribution(list(domain.values))
    if domain.kind == "int":
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=int(domain.step or 1))
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Value:
    match distribution:
        case IntDistribution():
            return trial.suggest_int(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
        case FloatDistribution():
            return trial.suggest_float(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
        case CategoricalDistribution():
            # All of them are values: `Choices` has no others.
            return cast("Value", trial.suggest_categorical(name, distribution.choices))
    raise TypeError(name)


def _name_metrics(study: optuna.Study, names: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(names)


def _difference(name: str, location: str | Path, known: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    keys = [key for key in sorted({*known, *asked}) if known.get(key) != json.loads(json.dumps(asked.get(key)))]
    changes = "; ".join(f"{key}: {known.get(key)} there, {asked.get(key)} asked" for key in keys)
    return (
        f"the study {name!r} in {shown_location(location)} belongs to another search ({changes}); give another --study or --out"
    )


@contextmanager
def _reaching(location: str | Path) -> Iterator[None]:
    """Say in one line why a storage cannot be used, whatever Optuna and database drivers raise."""
    try:
        yield
    except BenchError:
        raise
    except ImportError:
        raise StoreError(
            f"the study's storage {shown_location(location)} needs the driver of its database, which is not installed; install "
            "it and name it in the URL (psycopg2-binary and postgresql+psycopg2://…, or pymysql and mysql+pymysql://…), or use "
            "sqlite:///FILE"
        ) from None
    except Exception as error:
        hint = (
            "repair it or its disk, or give another --out"
            if isinstance(location, Path)
            else "expected a URL such as sqlite:///search.db"
        )
        reason = f"{type(error).__name__}: {first_line(error)}"
        if isinstance(location, Path):
            raise StoreError(f"the study's storage {location} cannot be used ({reason}); {hint}") from error
        reason = without_secrets(reason, location)
        # The cause may show the URL.
        raise StoreError(f"the study's storage {shown_location(location)} cannot be used ({reason}); {hint}") from None
