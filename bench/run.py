"""Wires the stages: settings and data to a plan, the plan to work, the work to records. The executor is passed in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.data.dataset import Dataset
from bench.engine.work import Assignment, Executor, Listener, TrainingJob, Work, make_batches
from bench.errors import DataError, SettingsError, number_of
from bench.judge.identity import cell_id, origin_of
from bench.judge.methods import Method, all_methods, select_methods
from bench.judge.record import Origin
from bench.plan.budgets import Budget, resolve_budgets
from bench.plan.cells import Cell, ModelKey
from bench.plan.defaults import default_components
from bench.plan.grid import CellGrid
from bench.plan.models import configure, plain_vae, variant_name
from bench.plan.samplers import select_samplers
from bench.plan.samplers.base import Sampler
from bench.plan.settings import RunSettings
from bench.store.folder import check_claim, claim, sweep
from bench.store.models import collect_model
from bench.store.predictions import PREDICTIONS
from bench.store.presence import is_trained, model_fault, model_folder
from bench.store.records import PARTS, append_records, merge_records, read_records, set_broken_aside, status_of
from bench.store.sources import package_version
from bench.store.storage import CHECKPOINTS, Storage, parse_storage, run_storage
from bench.store.trackers import check_trackers
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.devices import resolve_device


@dataclass(frozen=True)
class RunPlan:
    """A run before anything is carried out."""

    settings: RunSettings
    """With everything chosen that the user left open."""
    methods: dict[str, Method]
    samplers: dict[str, Sampler]
    budgets: tuple[Budget, ...]
    clusterings: tuple[ModelKey, ...]
    cells: tuple[Cell, ...]
    model: ModelConfig
    """Of the first number of components; the others differ in that alone."""
    training: TrainingConfig
    dataset: Dataset
    models: tuple[ModelKey, ...] = ()
    """To be trained whether or not a cell needs them."""
    left_out: tuple[str, ...] = ()
    """Methods that were asked for but have no cell within the limits."""

    @property
    def model_name(self) -> str:
        """The trained variant, as in the records' `model` column."""
        unset = configure(self.settings.model_copy(update={"set": {}}), self.dataset, self.model.n_components)
        return variant_name((self.model, self.training), self.settings.set, unset)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides every record besides the grid; a run folder belongs to one identity."""
        model = self.model.model_dump(mode="json", exclude={"n_components", "n_features", "likelihood"})
        identity = {"dataset": self.dataset.name, "dataset_sha256": self.dataset.sha256, **model}
        identity |= self.training.model_dump(mode="json")
        # What came later is part of the identity only where it makes a difference: older folders keep theirs.
        if self.training.views == "warp" or not self.training.augmentation:
            del identity["views"]
        if self.dataset.embeddings:
            identity["geometry"] = "angles"
        if self.dataset.pretrained is not None:
            identity["dataset_pretrained"] = self.dataset.pretrained
        if self.settings.selected_by is not None:
            # The same settings, chosen by labels or without them, are two results.
            identity |= {"selected_by": self.settings.selected_by, "selection_labels": self.settings.selection_labels}
        return identity

    @property
    def origin(self) -> Origin:
        """What all records share."""
        return origin_of(self.identity, len(self.dataset.pool), self.dataset.n_known, package_version())

    def about(self) -> str:
        """Say in a line what is to be compared on what."""
        ks = sorted({key.n_components for key in self.clusterings})
        k = f"K = {', '.join(map(str, ks))}; " if ks else ""
        draws = number_of(len(self.settings.label_seeds), "draw")
        grid = f"{number_of(len(self.methods), 'method')}, {number_of(len(self.budgets), 'budget')}, {draws} of labels"
        items = f"{len(self.dataset.pool):,} items, {number_of(self.dataset.n_classes, 'class', 'classes')}"
        return f"{self.dataset.name}: {items}; {k}{grid}: {number_of(len(self.cells), 'cell')}"

    def notices(self) -> list[str]:
        """Say what was asked for and is not in the grid."""
        return [f"no cell of the grid is within the limits of {name}" for name in self.left_out]

    def trainings(self) -> tuple[TrainingJob, ...]:
        """Return a job for every model that some method needs."""
        settings = self.settings
        pairs = [(method, sampler) for method in self.methods.values() for sampler in self.samplers.values()]
        wanted = {
            model: None
            for method, sampler in pairs
            for key in self.clusterings
            for model in sorted(method.models_for(key, sampler))
        } | dict.fromkeys(self.models)
        # One: a second thread trains a model a third faster, a second trial trains almost twice as many models.
        cpus = settings.cpus_per_trial or 1
        return tuple(
            TrainingJob(
                key,
                self.model.model_copy(update={"n_components": key.n_components}),
                self.training if key.n_components > 1 else plain_vae(self.training),
                settings.device,
                cpus,
                settings.gpus_per_trial or 0,
                settings.checkpoint_seconds,
                settings.trial_limit,
            )
            for key in wanted
        )


def make_plan(settings: RunSettings, dataset: Dataset) -> RunPlan:
    """Check settings against the data, choose what is left open, and lay out the grid.

    Raises
    ------
    SettingsError
        For an unknown method or objective, a budget above the pool, or more components than items.
    """
    methods, samplers = select_methods(settings.methods), select_samplers(settings.samplers)
    check_trackers(settings.trackers)
    if settings.executor == "serial" and (settings.trial_limit or settings.cell_limit):
        raise SettingsError("--trial-limit and --cell-limit need --executor ray: one process cannot end itself and go on")
    if settings.storage is not None:
        parse_storage(settings.storage)
    if dataset.n_classes < 2:
        raise DataError(
            f"{dataset.name} has {number_of(dataset.n_classes, 'class', 'classes')}; at least two classes are needed to compare "
            "methods. A table has labels in the column --label-column, an .npz file in y; without any, begin with "
            "`gmvae-bench select`"
        )
    _refuse_lone_ensembles(settings, methods)
    budgets = resolve_budgets(settings.budgets, dataset.n_known, dataset.n_classes)
    settings, model, training = _with_models(settings, dataset)
    settings = settings.model_copy(update={"methods": tuple(methods), "budgets": tuple(budget.asked for budget in budgets)})
    grid = CellGrid.of(vars(settings))
    for supervision in grid.supervisions:
        supervision.check(dataset.n_classes, dataset.name)
    cells = grid.cells(
        {name: method.needs for name, method in methods.items()},
        {name: sampler.needs_model for name, sampler in samplers.items()},
        dataset.n_known,
        dataset.n_classes,
        all_methods(),
    )
    judged = {cell.method for cell in cells}
    if not judged:
        raise SettingsError("the limits leave nothing of the grid; widen them, or the grid")
    left_out = tuple(name for name in methods if name not in judged)
    methods = {name: method for name, method in methods.items() if name in judged}
    settings = settings.model_copy(update={"methods": tuple(methods)})
    return RunPlan(settings, methods, samplers, budgets, grid.clusterings, cells, model, training, dataset, left_out=left_out)


def _refuse_lone_ensembles(settings: RunSettings, methods: Mapping[str, Method]) -> None:
    ensembles = [name for name, method in methods.items() if method.needs == "models"]
    if ensembles and len(settings.model_seeds) < 2:
        raise SettingsError(
            f"{ensembles[0]} is a mean over models: --model-seeds got {settings.model_seeds[0]}; give at least two, such as 0-2"
        )


def make_training_plan(settings: RunSettings, dataset: Dataset) -> RunPlan:
    """Lay out the training of models and nothing else, for data that need not have labels.

    Raises
    ------
    SettingsError
        As for `make_plan`.
    """
    settings, model, training = _with_models(settings, dataset)
    keys = CellGrid.of(vars(settings)).clusterings
    return RunPlan(settings, {}, {}, (), keys, (), model, training, dataset, models=keys)


def _with_models(settings: RunSettings, dataset: Dataset) -> tuple[RunSettings, ModelConfig, TrainingConfig]:
    """Choose the settings of models that are left open."""
    n_pool = len(dataset.pool)
    components = settings.components or default_components(n_pool, dataset.n_distinct)
    if max(components) > n_pool:
        raise SettingsError(f"--components got {max(components)}, but {dataset.name} has {n_pool:,} items; use fewer components")
    model, training = configure(settings, dataset, components[0])
    if settings.executor == "serial" or settings.address == "local":
        resolve_device(settings.device)
    chosen: dict[str, Any] = {"components": components, "variant": "invariance" if training.needs_views else "plain"}
    for config in (model, training):
        chosen |= {name: value for name, value in config.model_dump().items() if name in RunSettings.model_fields}
    return settings.model_copy(update=chosen), model, training


@dataclass(frozen=True)
class Survey:
    """The part of a plan that a run folder already holds."""

    done: int
    """Cells with a record that counts."""
    failed: int
    """Cells that failed before and are left alone."""
    missing: tuple[Cell, ...]
    """Cells to be judged, including failed ones that are to be tried again."""
    records: pd.DataFrame


def survey(plan: RunPlan, folder: Path, *, retry_failed: bool = False) -> Survey:
    """Find out what is done and what is missing, changing nothing.

    Raises
    ------
    StoreError
        If the folder belongs to another configuration.
    """
    check_claim(folder, plan.identity)
    records, origin = read_records(folder, tolerant=True), plan.origin
    known = status_of(
        records,
        {cell.key: cell_id(cell, plan.methods[cell.method], plan.samplers[cell.sampler], origin) for cell in plan.cells},
    )
    statuses = [known.get(cell.key) for cell in plan.cells]
    missing = [
        cell for cell, status in zip(plan.cells, statuses, strict=True) if status is None or (status != "ok" and retry_failed)
    ]
    done = statuses.count("ok")
    return Survey(done, len(plan.cells) - done - len(missing), tuple(missing), records)


def make_work(plan: RunPlan, folder: Path, *, retry_failed: bool = False) -> Work:
    """Claim the folder for the plan and return what is still to be done in it.

    Broken records and models are set aside or made again; the work's notices say so.

    Raises
    ------
    StoreError
        If the folder belongs to another configuration or cannot be written to, or the storage cannot be used.
    """
    before = check_claim(folder, plan.identity).get("settings")
    sweep(folder)
    notices = plan.notices()
    notices += [f"{path.name}: records that could not be read; their cells run again" for path in set_broken_aside(folder)]
    # Training models alone does not replace the command that `status` is about.
    settings = before if before and not plan.cells else plan.settings.model_dump(mode="json")
    run_id = claim(folder, plan.identity, settings, plan.dataset)
    if (folder / PARTS).is_dir():
        # Records that a killed process left unmerged.
        merge_records(folder)
    storage = run_storage(plan.settings.storage, folder, run_id)
    surveyed = survey(plan, folder, retry_failed=retry_failed)
    missing = surveyed.missing
    if plan.settings.keep_predictions and surveyed.done and not (folder / PREDICTIONS).is_dir():
        notices.append(
            f"predictions of {number_of(surveyed.done, 'cell')} judged before were not kept; they are not judged again"
        )
    trainings = []
    for job in _wanted(plan, missing):
        # A process that died between a training and its collection left the model in the storage.
        if is_trained(folder, job.key) or collect_model(storage, folder, job.key):
            continue
        if model_folder(folder, job.key).is_dir():
            notices.append(f"model {job.key.id}: {model_fault(folder, job.key)}; it is trained again")
        trainings.append(job)
    notices += _going_on(plan, surveyed, {job.key for job in trainings})
    # Longest first, so that no CPU ends up alone with a large model.
    trainings.sort(key=lambda job: -job.key.n_components)
    return _work(plan, missing, trainings, folder, storage, notices)


def _going_on(plan: RunPlan, surveyed: Survey, untrained: Collection[ModelKey]) -> list[str]:
    """Say what is done already, where an earlier command left something."""
    jobs = _wanted(plan, plan.cells)
    trained = len(jobs) - len(untrained)
    if not surveyed.missing or not (surveyed.done or trained):
        return []
    models = [f"{trained:,} of {number_of(len(jobs), 'model')} trained"] if jobs else []
    return ["goes on: " + ", ".join([*models, f"{surveyed.done:,} of {number_of(len(plan.cells), 'cell')} judged"])]


def preview_work(plan: RunPlan, folder: Path, surveyed: Survey) -> Work:
    """Return the work that a survey leaves, for display only: nothing is written, and it must not be carried out."""
    trainings = [job for job in _wanted(plan, surveyed.missing) if not is_trained(folder, job.key)]
    return _work(plan, surveyed.missing, trainings, folder, Storage(str(folder / CHECKPOINTS)), plan.notices())


def _work(
    plan: RunPlan, cells: Sequence[Cell], trainings: Sequence[TrainingJob], folder: Path, storage: Storage, notices: Sequence[str]
) -> Work:
    return Work(
        dataset=plan.dataset,
        origin=plan.origin,
        model_name=plan.model_name,
        methods=plan.methods,
        samplers=plan.samplers,
        trainings=tuple(trainings),
        batches=make_batches(cells, plan.methods, len(plan.dataset.pool), keep=plan.settings.keep_predictions),
        folder=folder,
        storage=storage,
        cell_limit=plan.settings.cell_limit,
        notices=tuple(notices),
    )


def _wanted(plan: RunPlan, cells: Iterable[Cell]) -> tuple[TrainingJob, ...]:
    needs = (plan.methods[cell.method].models_for(cell.clustering, plan.samplers[cell.sampler]) for cell in cells)
    models = set(plan.models).union(*needs)
    return tuple(job for job in plan.trainings() if job.key in models)


def carry_out(work: Work, executor: Executor, listener: Listener) -> pd.DataFrame:
    """Do the work, saving records as they come, and return all records of the run."""
    carry_out_all([Assignment(work, listener)], executor)
    return read_records(work.folder)


def carry_out_all(assignments: Sequence[Assignment], executor: Executor) -> None:
    """Do several works as one, saving records as they come. They are not returned: there may be millions."""
    for one in assignments:
        for notice in one.work.notices:
            one.listener.notice(notice)
    try:
        # Always closed: its trainings must end before their executor does.
        with closing(executor.run(assignments)) as batches:
            for work, records in batches:
                append_records(work.folder, records)
    finally:
        for one in assignments:
            merge_records(one.work.folder)
    for work in (one.work for one in assignments):
        if all(is_trained(work.folder, job.key) for job in work.trainings):
            work.storage.clear()
