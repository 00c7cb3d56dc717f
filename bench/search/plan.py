"""A search before anything is carried out: settings and data, checked and made into a plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.data.dataset import Dataset
from bench.errors import SettingsError
from bench.plan.selection import joined
from bench.plan.settings import RunSettings
from bench.search.asha import rungs
from bench.search.criteria import DECODINGS, Criterion, held_out_items, resolve_criterion
from bench.search.settings import SearchSettings, configured, default_parameters, searched_space
from bench.search.space import DECODING, Domain, Value, describe_space
from bench.search.trial import Exam, TrialJob
from bench.store.locations import check_database
from bench.store.storage import parse_storage
from gmvae.config import TrainingConfig
from gmvae.devices import resolve_device

_DEFAULT_DECODING = "soft"
_MAX_CRITERIA = 2


@dataclass(frozen=True)
class SearchPlan:
    """A search before anything is carried out."""

    settings: RunSettings
    """Of every trial, except for what is searched."""
    search: SearchSettings
    criteria: tuple[Criterion, ...]
    watched: tuple[Criterion, ...]
    space: dict[str, Domain]
    training: TrainingConfig
    """Of a trial without any searched parameter."""
    model: dict[str, Any]
    dataset: Dataset

    @property
    def identity(self) -> dict[str, Any]:
        """What decides every trial; a search folder belongs to one identity."""
        return {
            "dataset": self.dataset.name,
            "dataset_sha256": self.dataset.sha256,
            "selected_by": self.settings.selected_by,
            "search": [criterion.name for criterion in self.criteria],
            "space": describe_space(self.space),
            "model_seed": self.settings.model_seeds[0],
            "label_seed": self.search.label_seed,
            "rungs": list(self.rungs),
            **self.model,
            **self.training.model_dump(mode="json"),
        }

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs after which a trial is measured; the last ends it."""
        return rungs(self.training.epochs, self.training.warmup, pruning=self.search.pruning != "none")

    @property
    def label_cost(self) -> int:
        """Labels that the choice reads; an upper bound if it starts from the winner of a search that read some too."""
        read = max(criterion.cost(self.dataset) for criterion in self.criteria) + (self.settings.selection_labels or 0)
        return min(read, self.dataset.n_known)

    @property
    def selected_by(self) -> str:
        """The criteria as one text, after those of a search whose winner this one starts from."""
        return joined(self.settings.selected_by, *(criterion.name for criterion in self.criteria))

    @property
    def defaults(self) -> dict[str, Value]:
        """What the searched parameters are without a search."""
        return default_parameters(self.space, self.settings, self.dataset, _DEFAULT_DECODING)

    def exam(self) -> Exam:
        """Return what all trials are given."""
        every = (*self.criteria, *self.watched)
        return Exam(
            self.dataset.pool,
            held_out_items(len(self.dataset.pool), self.dataset.sha256),
            self.criteria,
            self.watched,
            {criterion.name: criterion.labels(self.dataset, self.search.label_seed) for criterion in every},
        )

    def job(self, number: int, parameters: Mapping[str, Value]) -> TrialJob:
        """Return the job of a trial.

        Raises
        ------
        SettingsError
            If the parameters do not fit together.
        """
        settings, model, training = configured(self.settings, parameters, self.dataset)
        return TrialJob(
            number=number,
            parameters=dict(parameters),
            model=model,
            training=training,
            decoding=str(parameters.get(DECODING, _DEFAULT_DECODING)),
            model_seed=settings.model_seeds[0],
            rungs=self.rungs,
            device=settings.device,
            cpus=settings.cpus_per_trial or 1,
            checkpoint_seconds=settings.checkpoint_seconds,
            limit=settings.trial_limit,
            n_models=max(criterion.n_models for criterion in (*self.criteria, *self.watched)),
        )


def make_search_plan(settings: RunSettings, search: SearchSettings, dataset: Dataset) -> SearchPlan:
    """Check settings against the data, and choose what is left open.

    Raises
    ------
    SettingsError
        For an unknown criterion or parameter, or a space that does not fit.
    """
    if len(search.criterion) > _MAX_CRITERIA:
        raise SettingsError(f"--criterion got {len(search.criterion)} criteria; give one, or two for a Pareto front")
    criteria, watched = (
        tuple({criterion.name: criterion for criterion in (resolve_criterion(name, dataset) for name in names)}.values())
        for names in (search.criterion, search.watch)
    )
    steering = {criterion.name for criterion in criteria}
    watched = tuple(criterion for criterion in watched if criterion.name not in steering)
    several = len(criteria) > 1
    if several and search.algorithm == "cma-es":
        raise SettingsError("--algorithm cma-es takes one criterion; use tpe, gp, nsga-ii or random for two")
    if settings.executor == "serial" and (settings.trial_limit or (search.workers or 1) > 1):
        raise SettingsError("--trial-limit and --workers need --executor ray: one process runs one trial at a time")
    if settings.storage is not None:
        parse_storage(settings.storage)
    if search.study_storage is not None:
        check_database(search.study_storage)
    if settings.executor == "serial" or settings.address == "local":
        resolve_device(settings.device)
    space = searched_space(search, settings, dataset, with_labels=any(criterion.reads != "none" for criterion in criteria))
    for value in space[DECODING].samples if DECODING in space else ():
        if value not in DECODINGS:
            raise SettingsError(f"--space {DECODING}={space[DECODING]} holds {value!r}; valid: {', '.join(DECODINGS)}")
    _, model, training = configured(settings, {}, dataset)
    if several:
        # ASHA knows one criterion.
        search = search.model_copy(update={"pruning": "none"})
    return SearchPlan(settings, search, criteria, watched, space, training, model.model_dump(mode="json"), dataset)
