"""What `run` does once its settings are known, and the training that `select` begins with."""

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import typer
from rich.console import Console

from bench.api.carrying import carry, train
from bench.cli.output import print_grid
from bench.cli.reading import read_data
from bench.cli.settings import run_settings
from bench.cli.state import EXIT_CELLS_FAILED, EXIT_INTERRUPTED, make_console, tell
from bench.data.dataset import Dataset
from bench.engine.estimate import estimate
from bench.errors import number_of
from bench.plan.settings import RunSettings
from bench.reading.open_run import OpenRun
from bench.reading.part import EVERY, Part
from bench.reading.tables import Ask, scores
from bench.run import RunPlan, make_plan, make_training_plan, preview_work, survey
from bench.show.live import LiveDisplay
from bench.show.status import render_preview
from bench.store.folder import default_folder
from bench.store.records import failures

_MAX_CAUSES = 8


def run_grid(settings: RunSettings, out: Path | None, *, dry_run: bool, retry_failed: bool) -> None:
    """Carry out a run, or print what it would do, and print its comparison."""
    console, progress = make_console(), make_console(stderr=True)
    dataset = read_data(settings, progress)
    plan = make_plan(settings, dataset)
    tell(plan.about())
    folder = out or default_folder(settings.data, plan.identity)
    if dry_run:
        _preview(plan, folder, console, retry_failed=retry_failed)
        return
    _carry_out(plan, folder, console, progress, retry_failed=retry_failed)
    _finish(plan, folder, console)


def train_only(
    flags: dict[str, Any], config: Path | None, console: Console, check: Callable[[Dataset], None]
) -> tuple[RunPlan, Path]:
    """Train the models that are missing from the folder of a run with these settings, and judge nothing.

    `check` may refuse the data before anything is trained.

    Raises
    ------
    SettingsError
        If a training fails.
    """
    settings, progress = run_settings(flags, config), make_console(stderr=True)
    dataset = read_data(settings, progress)
    check(dataset)
    plan = make_training_plan(settings, dataset)
    folder = default_folder(settings.data, plan.identity)
    with _ended_by_interrupt(plan, folder, console, progress):
        train(plan, folder, lambda work, forecast: LiveDisplay(work, forecast, progress))
    return plan, folder


def _preview(plan: RunPlan, folder: Path, console: Console, *, retry_failed: bool) -> None:
    """Print what would run. Nothing is written."""
    surveyed = survey(plan, folder, retry_failed=retry_failed)
    work = preview_work(plan, folder, surveyed)
    cpus = 1 if plan.settings.executor == "serial" else os.cpu_count() or 1
    console.print(render_preview(work, surveyed.done, surveyed.failed, estimate(work, surveyed.records), cpus, console.width))


def _carry_out(plan: RunPlan, folder: Path, console: Console, progress: Console, *, retry_failed: bool) -> None:
    with _ended_by_interrupt(plan, folder, console, progress):
        did = carry(plan, folder, lambda work, forecast: LiveDisplay(work, forecast, progress), retry_failed=retry_failed)
    if not did:
        sent = f"; nothing was sent to {', '.join(plan.settings.trackers)}" if plan.settings.trackers else ""
        progress.print(f"nothing to run: all {len(plan.cells):,} cells have a record{sent}")


@contextmanager
def _ended_by_interrupt(plan: RunPlan, folder: Path, console: Console, progress: Console) -> Iterator[None]:
    """End the process where the user interrupts, and say what is saved."""
    try:
        yield
    except KeyboardInterrupt:
        done = survey(plan, folder).done
        progress.print(f"interrupted with {done:,} of {number_of(len(plan.cells), 'cell')} saved in {folder}.", soft_wrap=True)
        end_interrupted(console, progress)


def end_interrupted(console: Console, progress: Console) -> NoReturn:
    """End the process after an interrupt, whatever still runs in it."""
    progress.print("Repeat the same command to go on.")
    console.file.flush()
    # Ray and Tune leave threads that would keep the process alive; all our work is on disk.
    os._exit(EXIT_INTERRUPTED)


def _finish(plan: RunPlan, folder: Path, console: Console) -> None:
    opened = OpenRun(folder, Part(",".join(plan.methods), supervision=EVERY))
    print_grid(replace(scores.make(opened, Ask()), footer=""))
    # The table shows failures of earlier commands too; the exit code is about this command's cells.
    failed = failures(opened.every, plan.cells)
    found = opened.answer
    console.print()
    score = None if found is None else found.best.score
    if found is not None and score is not None:
        labels = number_of(found.n_labeled, "label")
        console.print(f"best: {found.best.table.label}, {score.text(100, unit=' %')} with {labels}", soft_wrap=True)
    console.print(f"records, models and settings: {folder}", soft_wrap=True)
    console.print(f"next: gmvae-bench report {shlex.quote(str(folder))}", style="dim", soft_wrap=True)
    if len(failed):
        tell_failures(failed["method"] + ", ", failed["error"], len(plan.cells), console)
        raise typer.Exit(EXIT_CELLS_FAILED)


def tell_failures(where: pd.Series, errors: pd.Series, n_cells: int, console: Console) -> None:
    """Say how many cells failed, where and why, the most frequent cause first."""
    console.print(f"{len(errors):,} of {number_of(n_cells, 'cell')} failed:", style="red")
    causes = Counter(zip(where, errors, strict=True))
    for (place, error), count in causes.most_common(_MAX_CAUSES):
        console.print(f"  {place}{number_of(count, 'cell')}: {error}", style="red", soft_wrap=True)
    if len(causes) > _MAX_CAUSES:
        console.print(
            f"  and {number_of(len(causes) - _MAX_CAUSES, 'more cause')}, in the column `error` of records.parquet", style="red"
        )
    console.print("The same command with --retry-failed runs them again.", style="red")
