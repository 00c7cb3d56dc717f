"""Wires a search: settings and data to a plan, the plan to a study and its trials, the study to its best configuration."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import tomli_w
from optuna.trial import FrozenTrial

from bench.data.dataset import Dataset
from bench.engine.desk import Desk, SearchListener
from bench.engine.trial import Exam, TrialJob
from bench.errors import ClusterError, SettingsError
from bench.judge.criteria import DECODINGS, Criterion, held_out_items, resolve_criterion
from bench.plan.search import SearchSettings, configured, default_parameters, first_parameters, searched_space
from bench.plan.selection import is_oracle, joined
from bench.plan.settings import RunSettings
from bench.plan.space import DECODING, Domain, Value, describe_space
from bench.store.atomic import write_text
from bench.store.folder import BEST, JOURNAL, check_claim, claim
from bench.store.models import CHECKPOINTS
from bench.store.sources import package_version
from bench.store.storage import Storage, parse_storage
from bench.store.study import REDUCTION, Study, open_study, shown_place
from gmvae.config import TrainingConfig
from gmvae.devices import resolve_device

_DEFAULT_DECODING = "soft"
_MAX_OBJECTIVES = 2
# ASHA looks at trials first after a quarter of their epochs, but not before components have settled after the warm-up: one epoch
# after it a configuration was stopped that ends as the best of twenty (`results/search`).
_FIRST_RUNG, _SETTLING = 0.25, 3
_LEAST_EPOCHS = 4
# What of a run's settings has a place in the configuration of the winner.
_KEPT = (
    *("data", "data_dir", "label_column", "holdout", "components", "objective", "variant", "epochs", "batch_size"),
    *("learning_rate", "latent_dim", "encoder_layers", "decoder_layers", "set", "methods"),
)


@dataclass(frozen=True)
class SearchPlan:
    """A search before anything is carried out."""

    settings: RunSettings
    """Of every trial, but for what is searched."""
    search: SearchSettings
    objectives: tuple[Criterion, ...]
    watched: tuple[Criterion, ...]
    space: dict[str, Domain]
    training: TrainingConfig
    """Of a trial with nothing changed."""
    model: dict[str, Any]
    dataset: Dataset

    @property
    def identity(self) -> dict[str, Any]:
        """What decides every trial; a search folder belongs to one identity."""
        return {
            "dataset": self.dataset.name,
            "dataset_sha256": self.dataset.sha256,
            "selected_by": self.settings.selected_by,
            "search": [criterion.name for criterion in self.objectives],
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
        epochs = self.training.epochs
        first = self.first_rung
        rungs = []
        while first is not None and first < epochs:
            rungs.append(first)
            first *= REDUCTION
        return (*rungs, epochs)

    @property
    def first_rung(self) -> int | None:
        """Epoch at which weak trials are stopped for the first time; `None` stops none."""
        epochs = self.training.epochs
        if self.search.pruning == "none" or epochs < _LEAST_EPOCHS:
            return None
        return max(round(_FIRST_RUNG * epochs), math.ceil(self.training.warmup * epochs) + _SETTLING)

    @property
    def label_cost(self) -> int:
        """Labels that the choice reads; at most so many where it starts from the winner of a search that read some too."""
        read = max(criterion.cost(self.dataset) for criterion in self.objectives) + (self.settings.selection_labels or 0)
        return min(read, int((self.dataset.labels >= 0).sum()))

    @property
    def selected_by(self) -> str:
        """The objectives as one text, after those of a search whose winner this one starts from."""
        return joined(self.settings.selected_by, *(criterion.name for criterion in self.objectives))

    @property
    def defaults(self) -> dict[str, Value]:
        """What the searched parameters are without a search."""
        return default_parameters(self.space, self.settings, self.dataset, _DEFAULT_DECODING)

    def exam(self) -> Exam:
        """Return what all trials are given."""
        criteria = (*self.objectives, *self.watched)
        return Exam(
            self.dataset.pool,
            held_out_items(len(self.dataset.pool), self.dataset.sha256),
            self.objectives,
            self.watched,
            {criterion.name: criterion.labels(self.dataset, self.search.label_seed) for criterion in criteria},
        )

    def job(self, number: int, parameters: Mapping[str, Value]) -> TrialJob:
        """Return the job of a trial.

        Raises
        ------
        SettingsError
            If the parameters do not go together.
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
        )


def make_search_plan(settings: RunSettings, search: SearchSettings, dataset: Dataset) -> SearchPlan:
    """Check settings against the data, and choose what is left open.

    Raises
    ------
    SettingsError
        For an unknown objective or parameter, or a space that does not fit.
    """
    if len(search.objective) > _MAX_OBJECTIVES:
        raise SettingsError(f"--objective got {len(search.objective)} objectives; give one, or two for a Pareto front")
    objectives, watched = (
        tuple({found.name: found for found in (resolve_criterion(name, dataset) for name in names)}.values())
        for names in (search.objective, search.watch)
    )
    watched = tuple(criterion for criterion in watched if criterion.name not in {found.name for found in objectives})
    several = len(objectives) > 1
    if several and search.algorithm == "cma-es":
        raise SettingsError("--algorithm cma-es takes one objective; use tpe, gp, nsga-ii or random for two")
    if settings.executor == "serial" and (settings.trial_limit or (search.workers or 1) > 1):
        raise SettingsError("--trial-limit and --workers need --executor ray: one process runs one trial at a time")
    if settings.storage is not None:
        parse_storage(settings.storage)
    if settings.executor == "serial" or settings.address == "local":
        resolve_device(settings.device)
    space = searched_space(search, settings, dataset, with_labels=any(criterion.reads != "none" for criterion in objectives))
    for value in space[DECODING].samples if DECODING in space else ():
        if value not in DECODINGS:
            raise SettingsError(f"--space {DECODING}={space[DECODING]} holds {value!r}; valid: {', '.join(DECODINGS)}")
    _, model, training = configured(settings, {}, dataset)
    if several:
        # ASHA knows one objective.
        search = search.model_copy(update={"pruning": "none"})
    return SearchPlan(settings, search, objectives, watched, space, training, model.model_dump(mode="json"), dataset)


class SearchExecutor(Protocol):
    """Carries out the trials of a desk."""

    def run(self, desk: Desk, exam: Exam) -> None:
        """Run trials until there are no more."""
        ...


def open_search(plan: SearchPlan, folder: Path) -> tuple[Study, Storage]:
    """Claim the folder for the search; return its study and where trials keep their checkpoints.

    Raises
    ------
    StoreError
        If the folder or the study belongs to another search, or the storage cannot be used.
    """
    check_claim(folder, plan.identity)
    settings = {"run": plan.settings.model_dump(mode="json"), "search": plan.search.model_dump(mode="json")}
    if plan.search.study_storage is not None:
        # A password in it must not end in a file.
        settings["search"]["study_storage"] = shown_place(plan.search.study_storage)
    owner = claim(folder, plan.identity, settings, plan.dataset)
    study = open_study(
        plan.search.study_storage or folder / JOURNAL,
        plan.search.study,
        {key: value for key, value in plan.identity.items() if key not in ("search", "space")},
        plan.space,
        {criterion.name: criterion.direction for criterion in plan.objectives},
        owner=owner,
        algorithm=plan.search.algorithm,
        search_seed=plan.search.search_seed,
    )
    storage = Storage(str(folder / CHECKPOINTS))
    if plan.settings.storage is not None:
        storage = parse_storage(plan.settings.storage).inner(f"{folder.name}-{owner}")
        storage.check()
    # Tune begins anew every time; what an earlier one left is of no use.
    storage.clear("tune")
    return study, storage


def carry_out_search(
    plan: SearchPlan, study: Study, storage: Storage, executor: SearchExecutor, listener: SearchListener
) -> None:
    """Run trials until the study has as many as were asked for."""
    if study.n_elsewhere:
        listener.notice(f"{study.n_elsewhere} trials of other searches in this study are unfinished; they are left alone")
    if study.n_interrupted:
        listener.notice(f"going on with {study.n_interrupted} trials that were interrupted")
    study.suggest_first(first_parameters(plan.space, plan.defaults))
    notes = {
        "selection": plan.selected_by,
        "labels_read": plan.label_cost,
        "labels_read_by_watched": max((criterion.cost(plan.dataset) for criterion in plan.watched), default=0),
        "version": package_version(),
    }
    desk = Desk(study, plan.job, plan.search.trials, storage, listener, notes)
    executor.run(desk, plan.exam())
    if study.n_open:
        raise ClusterError(f"the search ended with {study.n_open} trials unfinished; repeat the command to go on")
    storage.clear()


def best_trials(study: Study) -> list[FrozenTrial]:
    """Return the best trial or, of two objectives, the Pareto front, the best of the first one first."""
    best: list[FrozenTrial] = study.optuna.best_trials
    upwards = study.optuna.directions[0].name == "MAXIMIZE"
    ordered = sorted(best, key=lambda trial: (-trial.values[0] if upwards else trial.values[0], trial.number))
    return ordered if len(study.optuna.directions) > 1 else ordered[:1]


def write_winners(plan: SearchPlan, study: Study, folder: Path) -> list[Path]:
    """Write a configuration that `gmvae-bench run --config` runs: of the best trial, and of each on a Pareto front."""
    best = best_trials(study)
    winners = {folder / BEST: best[0]} if best else {}
    if len(plan.objectives) > 1:
        winners |= {folder / f"front-{trial.number}.toml": trial for trial in best}
    for path in set(folder.glob("front-*.toml")) - set(winners):
        path.unlink()
    for path, trial in winners.items():
        write_text(path, _winner(plan, trial))
    return list(winners)


def _winner(plan: SearchPlan, trial: FrozenTrial) -> str:
    settings, model, _ = configured(plan.settings, trial.params, plan.dataset)
    kept = {name: value for name, value in settings.model_dump(mode="json").items() if name in _KEPT and value not in (None, {})}
    kept |= {"components": [model.n_components], "epochs": plan.training.epochs}
    kept |= {"selected_by": plan.selected_by, "selection_labels": plan.label_cost}
    reached = ", ".join(f"{found.name} {value:.6g}" for found, value in zip(plan.objectives, trial.values, strict=True))
    head = [
        f"# Trial {trial.number} of a search by {plan.selected_by}, which read {plan.label_cost:,} labels: {reached}.",
        *(
            ["# The search read labels that a user would not have: what comes of it is an upper bound, not a result."]
            * is_oracle(plan.selected_by)
        ),
        "# gmvae-bench run --config THIS_FILE",
    ]
    return "\n".join(head) + "\n" + tomli_w.dumps(kept)
