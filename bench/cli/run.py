"""`gmvae-bench run`: train, decode, compare."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bench.cli import options
from bench.cli.state import make_console
from bench.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from bench.data.dataset import Dataset
    from bench.engine.work import Executor, Listener, Work
    from bench.pipeline import RunPlan
    from bench.plan.settings import RunSettings

EXIT_CELLS_FAILED = 1
EXIT_INTERRUPTED = 130
_MAX_CAUSES = 8


def run(
    data: options.Data = None,
    data_dir: options.DataDir = None,
    label_column: options.LabelColumn = None,
    holdout: options.Holdout = None,
    components: options.Components = None,
    model_seeds: options.ModelSeeds = None,
    budgets: options.Budgets = None,
    label_seeds: options.LabelSeeds = None,
    methods: options.Methods = None,
    samplers: options.Samplers = None,
    objective: options.Objective = None,
    variant: options.Variant = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    latent_dim: options.LatentDim = None,
    encoder_layers: options.EncoderLayers = None,
    decoder_layers: options.DecoderLayers = None,
    set_: options.Set = None,
    tensorboard: options.Tensorboard = None,
    config: options.Config = None,
    preset: options.Preset = None,
    out: options.Out = None,
    dry_run: options.DryRun = False,
    retry_failed: options.RetryFailed = False,
    executor: options.ExecutorName = None,
    address: options.Address = None,
    storage: options.Storage = None,
    checkpoint_seconds: options.CheckpointSeconds = None,
    trial_limit: options.TrialLimit = None,
    cell_limit: options.CellLimit = None,
    cpus_per_trial: options.CpusPerTrial = None,
    gpus_per_trial: options.GpusPerTrial = None,
    device: options.Device = None,
) -> None:
    """Train Gaussian-mixture VAEs without labels, name their clusters with a few, and compare with other few-label learners.

    Without options: scikit-learn's digits, all methods, in a few minutes.

    Repeating a command continues it, trainings from their last checkpoint; more K, seeds, budgets or methods add to it.
    """
    flags = {
        name: value
        for name, value in locals().copy().items()
        if value is not None and name not in ("config", "preset", "out", "set_", "dry_run", "retry_failed")
    }
    if set_ is not None:
        flags["set"] = set_
    try:
        _run(_settings(flags, config, preset), out, dry_run=dry_run, retry_failed=retry_failed)
    except KeyboardInterrupt:
        make_console(stderr=True).print("interrupted before the work began; repeat the same command")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _run(settings: "RunSettings", out: Path | None, *, dry_run: bool, retry_failed: bool) -> None:
    console, progress = make_console(), make_console(stderr=True)
    # Imported only now: they bring torch, scikit-learn and xgboost, seconds that a wrong option should not cost.
    with progress.status("reading data") if progress.is_terminal else _nothing():
        from bench.data.registry import load_dataset
        from bench.pipeline import make_plan, make_work
        from bench.store.folder import check_claim, default_folder
        from bench.store.lock import locked

        dataset = load_dataset(settings.data, settings.data_dir, label_column=settings.label_column, holdout=settings.holdout)
        plan = make_plan(settings, dataset)
        folder = out or default_folder(settings.data, plan.identity)
    if dry_run:
        _preview(plan, folder, console, retry_failed=retry_failed)
        return
    check_claim(folder, plan.identity)
    with locked(folder):
        _carry_out(plan, make_work(plan, folder.resolve(), retry_failed=retry_failed), console, progress)
    _finish(plan, folder, console)


def train_only(
    flags: dict[str, Any], config: Path | None, console: "Console", check: "Callable[[Dataset], None]"
) -> tuple["RunPlan", Path]:
    """Train models in the folder that a run with these settings would have, those that are not there yet, and judge nothing.

    `check` may refuse the data before anything is trained.

    Raises
    ------
    SettingsError
        If a training fails.
    """
    settings, progress = _settings(flags, config, None), make_console(stderr=True)
    with progress.status("reading data") if progress.is_terminal else _nothing():
        from bench.data.registry import load_dataset
        from bench.engine.watch import Failures
        from bench.pipeline import make_training_plan, make_work
        from bench.store.folder import check_claim, default_folder
        from bench.store.lock import locked
        from bench.store.presence import is_trained

        dataset = load_dataset(settings.data, settings.data_dir, label_column=settings.label_column, holdout=settings.holdout)
        check(dataset)
        plan = make_training_plan(settings, dataset)
        folder = default_folder(settings.data, plan.identity)
    check_claim(folder, plan.identity)
    if all(is_trained(folder, key) for key in plan.models):
        return plan, folder
    failures = Failures()
    with locked(folder):
        _carry_out(plan, make_work(plan, folder.resolve()), console, progress, failures)
    if failures.found:
        raise SettingsError(f"the training failed: {failures.found[0]}")
    return plan, folder


def _preview(plan: "RunPlan", folder: Path, console: "Console", *, retry_failed: bool) -> None:
    """Print what would run. Nothing is written."""
    from bench.engine.estimate import estimate
    from bench.pipeline import preview_work, survey
    from bench.show.status import render_preview

    found = survey(plan, folder, retry_failed=retry_failed)
    work = preview_work(plan, folder, found)
    cpus = 1 if plan.settings.executor == "serial" else os.cpu_count() or 1
    console.print(render_preview(work, found.done, found.failed, estimate(work, found.records), cpus, console.width))


def _settings(flags: dict[str, Any], config: Path | None, preset: str | None) -> "RunSettings":
    from bench.plan.presets import read_preset
    from bench.plan.settings import changed_by_hand, make_settings, read_toml

    files = (read_preset(preset) if preset else {}) | (read_toml(config) if config else {})
    return make_settings(files, flags, changed_by_hand(files, flags))


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _executor(plan: "RunPlan", work: "Work") -> Iterator[tuple["Executor", "Work"]]:
    from bench.engine.interrupt import Interrupt

    if plan.settings.executor == "serial":
        from bench.engine.serial import SerialExecutor

        with Interrupt() as interrupt:
            yield SerialExecutor(interrupt), work
        return
    from bench.engine.cluster import check_nodes, connected, with_cluster_gpus

    with connected(plan.settings.address):
        from bench.engine.distributed import RayExecutor

        if plan.settings.address != "local":
            check_nodes(work.storage)
        placed = with_cluster_gpus(work, asked=plan.settings.gpus_per_trial)
        with Interrupt() as interrupt:
            yield RayExecutor(interrupt), placed


def _carry_out(plan: "RunPlan", work: "Work", console: "Console", progress: "Console", *others: "Listener") -> None:
    from bench.engine.watch import Listeners, ProgressFile, TensorBoard
    from bench.pipeline import carry_out, survey
    from bench.show.live import LiveDisplay

    if not work.batches and not work.trainings:
        progress.print(f"nothing to run: all {len(plan.cells):,} cells have a record")
        return
    try:
        with _executor(plan, work) as (executor, placed), LiveDisplay(placed, progress) as display:
            board = [TensorBoard(work.folder)] if plan.settings.tensorboard else []
            listeners = [display, ProgressFile(placed), *board, *others]
            carry_out(placed, executor, Listeners(listeners))
    except KeyboardInterrupt:
        done = survey(plan, work.folder).done
        progress.print(f"interrupted with {done:,} of {len(plan.cells):,} cells saved in {work.folder}.", soft_wrap=True)
        progress.print("Repeat the same command to go on.")
        console.file.flush()
        # Ray and Tune leave threads behind that would hold the process; everything of ours is on disk.
        os._exit(EXIT_INTERRUPTED)


def _finish(plan: "RunPlan", folder: Path, console: "Console") -> None:
    from bench.cli.reading import chosen_records
    from bench.cli.tables import comparison_of
    from bench.show.tables import render
    from bench.store.folder import open_run
    from bench.store.records import failures

    stored = open_run(folder)
    records = chosen_records(stored, ",".join(plan.methods))
    console.print(render(comparison_of(stored, records, "accuracy"), console.width), soft_wrap=False)
    # An earlier command's failures are shown in the table, but this one's exit code speaks of its own cells.
    failed = failures(stored.records, plan.cells)
    console.print(f"\nrecords, models and settings: {folder}", soft_wrap=True)
    console.print(f"next: gmvae-bench plot {folder}", style="dim", soft_wrap=True)
    if len(failed):
        console.print(f"{len(failed):,} of {len(plan.cells):,} cells failed:", style="red")
        causes = Counter(zip(failed["method"], failed["error"], strict=True))
        for (method, error), count in causes.most_common(_MAX_CAUSES):
            console.print(f"  {method}, {count:,} cells: {error}", style="red", soft_wrap=True)
        if len(causes) > _MAX_CAUSES:
            console.print(
                f"  and {len(causes) - _MAX_CAUSES:,} more causes, in the column `error` of records.parquet", style="red"
            )
        console.print("The same command with --retry-failed runs them again.", style="red")
        raise typer.Exit(EXIT_CELLS_FAILED)
