"""Wires the stages: settings and data to a plan, the plan to work, the work to records. The executor is passed in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.data.dataset import Dataset
from bench.engine.work import Executor, Listener, TrainingJob, Work, make_batches
from bench.errors import SettingsError
from bench.judge.methods import Method, select_methods
from bench.judge.record import Origin
from bench.plan.budgets import Budget, resolve_budgets
from bench.plan.cells import Cell, ModelKey, expand_cells
from bench.plan.defaults import default_components
from bench.plan.models import configure, plain_vae, variant_name
from bench.plan.settings import RunSettings
from bench.store.folder import claim, package_version
from bench.store.models import is_trained
from bench.store.records import append_records, finished_keys, merge_records, read_records
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.devices import resolve_device


@dataclass(frozen=True)
class RunPlan:
    """A run before anything is carried out."""

    settings: RunSettings
    """With everything chosen that the user left open."""
    methods: dict[str, Method]
    budgets: tuple[Budget, ...]
    clusterings: tuple[ModelKey, ...]
    cells: tuple[Cell, ...]
    model: ModelConfig
    """Of the first number of components; the others differ in that alone."""
    training: TrainingConfig
    dataset: Dataset

    @property
    def model_name(self) -> str:
        """The trained variant, as in the records' `model` column."""
        unset = configure(self.settings.model_copy(update={"set": {}}), self.dataset, self.model.n_components)
        return variant_name((self.model, self.training), self.settings.set, unset)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides every record besides the grid; a run folder belongs to one identity."""
        model = self.model.model_dump(mode="json", exclude={"n_components", "n_features", "likelihood"})
        return (
            {"dataset": self.dataset.name, "dataset_sha256": self.dataset.sha256} | model | self.training.model_dump(mode="json")
        )

    def trainings(self) -> tuple[TrainingJob, ...]:
        """Return a job for every model that some method needs."""
        settings = self.settings
        wanted = {method.model_for(key): None for method in self.methods.values() for key in self.clusterings}
        # One: two threads train a model a third faster, two trials side by side almost twice as many models.
        cpus = settings.cpus_per_trial or 1
        return tuple(
            TrainingJob(
                key,
                self.model.model_copy(update={"n_components": key.n_components}),
                self.training if key.n_components > 1 else plain_vae(self.training),
                settings.device,
                cpus,
                settings.gpus_per_trial or 0,
                settings.tensorboard,
            )
            for key in wanted
            if key is not None
        )


def make_plan(settings: RunSettings, dataset: Dataset) -> RunPlan:
    """Check settings against the data, choose what is left open, and lay out the grid.

    Raises
    ------
    SettingsError
        For an unknown method or objective, a budget above the pool, or more components than items.
    """
    methods = select_methods(settings.methods)
    n_pool = len(dataset.pool)
    budgets = resolve_budgets(settings.budgets, int((dataset.labels >= 0).sum()))
    components = settings.components or default_components(n_pool)
    if max(components) > n_pool:
        raise SettingsError(f"--components got {max(components)}, but {dataset.name} has {n_pool:,} items; use fewer components")
    model, training = configure(settings, dataset, components[0])
    if settings.executor == "serial" or settings.address == "local":
        resolve_device(settings.device)
    chosen: dict[str, Any] = {
        "components": components,
        "methods": tuple(methods),
        "budgets": tuple(budget.asked for budget in budgets),
        "variant": "invariance" if training.needs_views else "plain",
    }
    for config in (model, training):
        chosen |= {name: value for name, value in config.model_dump().items() if name in RunSettings.model_fields}
    clusterings = tuple(ModelKey(k, seed) for k in components for seed in settings.model_seeds)
    per_clustering = {name: method.needs != "nothing" for name, method in methods.items()}
    cells = expand_cells(per_clustering, clusterings, budgets, settings.label_seeds)
    return RunPlan(settings.model_copy(update=chosen), methods, budgets, clusterings, cells, model, training, dataset)


def make_work(plan: RunPlan, folder: Path) -> Work:
    """Claim the folder for the plan and return what is still to be done in it.

    Raises
    ------
    StoreError
        If the folder belongs to another configuration or cannot be written to.
    """
    claim(folder, plan.identity, plan.settings.model_dump(mode="json"), plan.dataset)
    finished = finished_keys(read_records(folder))
    missing = [cell for cell in plan.cells if cell.key not in finished]
    wanted = {plan.methods[cell.method].model_for(cell.clustering) for cell in missing}
    return Work(
        dataset=plan.dataset,
        origin=Origin(
            dataset=plan.dataset.name,
            dataset_sha256=plan.dataset.sha256,
            n_pool=len(plan.dataset.pool),
            n_labels=int((plan.dataset.labels >= 0).sum()),
            version=package_version(),
        ),
        model_name=plan.model_name,
        methods=plan.methods,
        trainings=tuple(job for job in plan.trainings() if job.key in wanted and not is_trained(folder, job.key)),
        batches=make_batches(missing, plan.methods, len(plan.dataset.pool)),
        folder=folder,
    )


def carry_out(work: Work, executor: Executor, listener: Listener) -> pd.DataFrame:
    """Do the work, saving every batch of records as it finishes, and return all records of the run."""
    try:
        for records in executor.run(work, listener):
            append_records(work.folder, records)
    finally:
        frame = merge_records(work.folder)
    return frame
