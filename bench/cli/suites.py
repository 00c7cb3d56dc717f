"""What `suite run` does once its settings are known."""

import os
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import typer
from rich.console import Console

from bench.cli.output import print_grid
from bench.cli.reading import load_with_progress
from bench.cli.running import end_interrupted, tell_failures
from bench.cli.state import EXIT_CELLS_FAILED, make_console
from bench.engine.estimate import Estimate, estimate
from bench.engine.executors import executor_of, starting
from bench.engine.forecast import Forecast
from bench.engine.watch import Listeners, ProgressFile
from bench.engine.work import Assignment, Work
from bench.errors import SettingsError, number_of
from bench.plan.settings import RunSettings
from bench.run import Survey, carry_out_all, make_work, preview_work
from bench.show.durations import format_seconds
from bench.show.grid import Grid, render_grid
from bench.show.suite import SuiteDisplay
from bench.store.folder import check_claim
from bench.store.lock import locked
from bench.store.records import failures
from bench.suite.definition import FoundSuite
from bench.suite.open_suite import OpenSuite
from bench.suite.plan import SuitePlan, plan_suite, suite_settings
from bench.suite.store import check_suite, claim_suite, default_suite_folder
from bench.suite.tables import Ask, table_of


def run_suite(
    found: FoundSuite, data_dir: Path | None, flags: dict[str, Any], out: Path | None, *, dry_run: bool, retry_failed: bool
) -> None:
    """Carry out a suite, or print what it would do, and print its ranking."""
    console, progress = make_console(), make_console(stderr=True)
    folder = out or default_suite_folder(found.suite)
    check_suite(folder, found.suite)
    settings = suite_settings(found, data_dir, flags)
    plan = plan_suite(found, settings, folder, lambda of_set: load_with_progress(of_set, progress))
    for missing in plan.absent:
        progress.print(f"{missing.name} is left out: {missing.reason}", style="yellow", soft_wrap=True)
    where = next(iter(settings.values()))
    if dry_run:
        _preview(plan, where, console, retry_failed=retry_failed)
        return
    for one in plan.sets:
        check_claim(one.folder, one.plan.identity)
    with ExitStack() as locks:
        locks.enter_context(locked(folder))
        claim_suite(folder, found.suite, {missing.name: missing.reason for missing in plan.absent})
        for one in plan.sets:
            locks.enter_context(locked(one.folder))
        works = {one.name: make_work(one.plan, one.folder.resolve(), retry_failed=retry_failed) for one in plan.sets}
        _carry_out(plan, {name: work for name, work in works.items() if work.batches or work.trainings}, where, console, progress)
    _finish(plan, console)


def _preview(plan: SuitePlan, settings: RunSettings, console: Console, *, retry_failed: bool) -> None:
    """Print what would run. Nothing is written."""
    rows, estimates = [], []
    for one, surveyed in plan.surveys(retry_failed=retry_failed):
        work = preview_work(one.plan, one.folder, surveyed)
        estimates.append(estimate(work, surveyed.records))
        rows.append(_preview_row(one.name, work, surveyed, estimates[-1]))
    cpus = 1 if settings.executor == "serial" else os.cpu_count() or 1
    whole = Estimate(
        sum(one.training_seconds for one in estimates),
        sum(one.judging_seconds for one in estimates),
        max(one.longest_seconds for one in estimates),
    )
    grid = Grid(
        f"would run the suite {plan.suite.name}, version {plan.suite.version}, in {plan.folder}",
        ("set", "items", "classes", "budgets", "trainings", "cells", "done", "failed", "CPU time"),
        tuple(rows),
        left=frozenset({0, 3}),
    )
    console.print(render_grid(grid, console.width))
    console.print(f"about {format_seconds(whole.makespan(cpus))} on {number_of(cpus, 'CPU')}")


def _preview_row(name: str, work: Work, surveyed: Survey, needed: Estimate) -> tuple[str, ...]:
    budgets = sorted({(cell.budget.n_labeled, cell.budget.asked) for batch in work.batches for cell in batch.cells})
    named = f"{budgets[0][1]} … {budgets[-1][1]}" if len(budgets) > 1 else "".join(asked for _, asked in budgets)
    return (
        name,
        f"{len(work.dataset.pool):,}",
        str(work.dataset.n_classes),
        named or "-",
        str(len(work.trainings)),
        f"{len(surveyed.missing):,}",
        f"{surveyed.done:,}",
        f"{surveyed.failed:,}",
        format_seconds(needed.training_seconds + needed.judging_seconds),
    )


def _carry_out(plan: SuitePlan, works: dict[str, Work], settings: RunSettings, console: Console, progress: Console) -> None:
    if not works:
        progress.print("nothing to run: every cell of every set has a record")
        return
    try:
        forecasts = [Forecast(work) for work in works.values()]
        with SuiteDisplay(works, forecasts, progress) as display:
            display.starting(starting(settings))
            with executor_of(settings, list(works.values())) as (executor, placed):
                assignments = [
                    Assignment(work, Listeners([forecast, display.ear(name), ProgressFile(work, forecast)]))
                    for name, work, forecast in zip(works, placed, forecasts, strict=True)
                ]
                for one in assignments:
                    one.listener.begun(executor.cpus)
                carry_out_all(assignments, executor)
    except KeyboardInterrupt:
        done = sum(surveyed.done for _, surveyed in plan.surveys())
        n_cells = sum(len(one.plan.cells) for one in plan.sets)
        progress.print(f"interrupted with {done:,} of {number_of(n_cells, 'cell')} saved in {plan.folder}.", soft_wrap=True)
        end_interrupted(console, progress)


def _finish(plan: SuitePlan, console: Console) -> None:
    failed = []
    for one, surveyed in plan.surveys():
        of_set = failures(surveyed.records, one.plan.cells)
        failed.append(of_set.assign(where=one.name + ", " + of_set["method"] + ", "))
    _print_ranking(plan, console)
    console.print(f"\nrecords, models and settings of each set: {plan.folder}", soft_wrap=True)
    console.print(f"next: gmvae-bench suite report {shlex.quote(str(plan.folder))}", style="dim", soft_wrap=True)
    every = pd.concat(failed)
    if len(every):
        tell_failures(every["where"], every["error"], sum(len(one.plan.cells) for one in plan.sets), console)
        raise typer.Exit(EXIT_CELLS_FAILED)


def _print_ranking(plan: SuitePlan, console: Console) -> None:
    try:
        grid = table_of("ranking").make(OpenSuite(plan.folder), Ask())
    except SettingsError as error:
        # Such as: every method lacks a cell somewhere.
        console.print(str(error), soft_wrap=True)
        return
    if grid is not None:
        print_grid(grid)
