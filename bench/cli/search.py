"""`gmvae-bench search`: find a good configuration, and say how many labels that took."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options
from bench.cli.reading import Format, check_format, print_grid, save_figure
from bench.cli.run import EXIT_CELLS_FAILED, EXIT_INTERRUPTED
from bench.cli.state import make_console
from bench.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.findings import Findings
    from bench.plan.search import SearchSettings
    from bench.plan.settings import RunSettings
    from bench.search import SearchExecutor, SearchPlan
    from bench.store.storage import Storage

_MAX_CAUSES = 5
# Options that settle what is searched, and how; the others are those of `run`.
_OF_SEARCH = ("watch", "trials", "algorithm", "pruning", "search_seed", "label_seed", "study", "study_storage", "workers")
_OF_COMMAND = ("config", "preset", "out", "format_", "objective", "space", "training_objective", "set_", "model_seed")


def search(
    data: options.Data = None,
    data_dir: options.DataDir = None,
    label_column: options.LabelColumn = None,
    objective: options.Objectives = None,
    watch: options.Watch = None,
    trials: options.Trials = None,
    space: options.SpaceFlag = None,
    algorithm: options.Algorithm = None,
    pruning: options.Pruning = None,
    search_seed: options.SearchSeed = None,
    label_seed: options.LabelSeed = None,
    study: options.Study = None,
    study_storage: options.StudyStorage = None,
    workers: options.Workers = None,
    components: options.Components = None,
    model_seed: Annotated[
        int | None,
        typer.Option(help="Seed of every trial's model. (default: 0)", min=0, rich_help_panel="Training", show_default=False),
    ] = None,
    training_objective: options.TrainingObjective = None,
    variant: options.Variant = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    latent_dim: options.LatentDim = None,
    encoder_layers: options.EncoderLayers = None,
    decoder_layers: options.DecoderLayers = None,
    set_: options.Set = None,
    config: options.Config = None,
    preset: options.Preset = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search. (default: results/searches/NAME)", show_default=False)
    ] = None,
    format_: Format = "rich",
    executor: options.ExecutorName = None,
    address: options.Address = None,
    storage: options.Storage = None,
    checkpoint_seconds: options.CheckpointSeconds = None,
    trial_limit: options.TrialLimit = None,
    cpus_per_trial: options.CpusPerTrial = None,
    gpus_per_trial: options.GpusPerTrial = None,
    device: options.Device = None,
) -> None:
    """Search for a good configuration with Optuna, by an objective that says what it costs in labels.

    Writes best.toml, which `run --config` runs as is. Repeating a command continues it; a larger --trials adds to it.
    """
    given = {name: value for name, value in locals().copy().items() if value is not None and name not in _OF_COMMAND}
    of_search = {name: given.pop(name) for name in _OF_SEARCH if name in given}
    of_search |= _present({"objective": objective, "space": space})
    seeds = None if model_seed is None else (model_seed,)
    given |= _present({"objective": training_objective, "set": set_, "model_seeds": seeds})
    check_format(format_)
    try:
        _search(*_settings(given, of_search, config, preset), out, format_)
    except KeyboardInterrupt:
        make_console(stderr=True).print("interrupted before the search began; repeat the same command")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _present(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _settings(
    given: dict[str, Any], of_search: dict[str, Any], config: Path | None, preset: str | None
) -> tuple["RunSettings", "SearchSettings"]:
    from bench.plan.presets import read_preset
    from bench.plan.search import make_search_settings
    from bench.plan.settings import changed_by_hand, make_settings, read_toml

    layers = [read_preset(preset) if preset else {}, read_toml(config) if config else {}]
    tables = [layer.pop("search", {}) for layer in layers]
    if not all(isinstance(table, dict) for table in tables):
        raise SettingsError(f"[search] in {config or preset} is not a table of settings")
    tables = [{key.replace("-", "_"): value for key, value in table.items()} for table in tables]
    chosen = make_search_settings(*tables, of_search)
    files = layers[0] | layers[1]
    for name in chosen.space:
        # What is searched need not be what a file fixes; an option beside --space is another matter.
        files.pop(name, None)
        if isinstance(files.get("set"), dict):
            files["set"] = {key: value for key, value in files["set"].items() if key.replace("-", "_") != name}
    return make_settings({"model_seeds": (0,)}, files, given, changed_by_hand(files, given)), chosen


def _search(settings: "RunSettings", search: "SearchSettings", out: Path | None, format_: str) -> None:
    console, progress = make_console(), make_console(stderr=True)
    with progress.status("reading data") if progress.is_terminal else nullcontext():
        from bench.data.registry import load_dataset
        from bench.search import make_search_plan, open_search
        from bench.store.folder import check_claim, default_folder
        from bench.store.lock import locked

        dataset = load_dataset(settings.data, settings.data_dir, label_column=settings.label_column, holdout=settings.holdout)
        plan = make_search_plan(settings, search, dataset)
        folder = out or default_folder(settings.data, _about(plan), "searches")
    check_claim(folder, plan.identity)
    with locked(folder):
        from bench.findings import Findings

        study, storage = open_search(plan, folder.resolve())
        found = Findings(plan, study)
        _carry_out(found, storage, console, progress, folder)
        _finish(Findings(plan, study), folder, console, format_)


def _about(plan: "SearchPlan") -> dict[str, Any]:
    """Return what the name of the search's own folder depends on."""
    return plan.identity | {"seed": plan.search.search_seed, "algorithm": plan.search.algorithm}


@contextmanager
def _executor(plan: "SearchPlan", storage: "Storage") -> Iterator["SearchExecutor"]:
    from bench.engine.interrupt import Interrupt

    settings = plan.settings
    if settings.executor == "serial":
        from bench.engine.search_serial import SerialSearch

        with Interrupt() as interrupt:
            yield SerialSearch(interrupt)
        return
    from bench.engine.cluster import check_nodes, connected, gpus_per_training, trainings_at_once

    with connected(settings.address):
        from bench.engine.search_ray import RaySearch

        if settings.address != "local":
            check_nodes(storage)
        cpus = settings.cpus_per_trial or 1
        gpus = gpus_per_training(cpus, settings.gpus_per_trial)
        room = trainings_at_once(cpus, gpus)
        with Interrupt() as interrupt:
            yield RaySearch(min(plan.search.workers or room, room), cpus, gpus, interrupt)


def _carry_out(found: "Findings", storage: "Storage", console: "Console", progress: "Console", folder: Path) -> None:
    from bench.search import best_trials, carry_out_search
    from bench.show.search import SearchDisplay

    plan, study = found.plan, found.study
    if study.n_finished >= plan.search.trials and not study.n_interrupted:
        progress.print(f"nothing to run: the study has {study.n_finished:,} trials; a larger --trials adds to it")
        return
    best = best_trials(study)
    maximize = plan.objectives[0].direction == "maximize"
    ended = {state: found.counts.get(state, 0) for state in ("complete", "pruned", "failed")}
    display = SearchDisplay(progress, plan.search.trials, ended, best[0].values[0] if best else None, maximize=maximize)
    try:
        with _executor(plan, storage) as executor, display:
            carry_out_search(plan, study, storage, executor, display)
    except KeyboardInterrupt:
        progress.print(f"interrupted with {study.n_finished:,} of {plan.search.trials:,} trials in {folder}.", soft_wrap=True)
        progress.print("Repeat the same command to go on.")
        console.file.flush()
        # Ray and Tune leave threads behind that would hold the process; everything of ours is on disk.
        os._exit(EXIT_INTERRUPTED)


def _finish(found: "Findings", folder: Path, console: "Console", format_: str) -> None:
    from bench.search import write_winners
    from bench.store.folder import FIGURES

    winners = write_winners(found.plan, found.study, folder)
    if format_ == "rich":
        for grid in found.grids():
            print_grid(grid, format_)
            console.print()
    else:
        print_grid(found.every_trial(), format_)
    for name, figure in found.figures():
        for suffix in (".png", ".svg"):
            save_figure(figure, folder / FIGURES / f"{name}{suffix}", tell=False)
    if format_ == "rich":
        console.print(f"study, figures and settings: {folder}", soft_wrap=True)
        for path in winners:
            console.print(f"gmvae-bench run --config {path}", style="dim", soft_wrap=True)
    failed = found.counts.get("failed", 0)
    if failed:
        progress = make_console(stderr=True)
        progress.print(f"{failed:,} of {len(found.study.trials):,} trials failed:", style="red")
        for error, count in found.causes[:_MAX_CAUSES]:
            progress.print(f"  {count:,}: {error}", style="red", soft_wrap=True)
        raise typer.Exit(EXIT_CELLS_FAILED)
