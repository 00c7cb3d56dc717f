"""What `search` does: settings from flags and files, the search, and its results."""

import os
import shlex
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from bench.cli.output import print_grid
from bench.cli.reading import read_data
from bench.cli.settings import files
from bench.cli.state import EXIT_CELLS_FAILED, EXIT_INTERRUPTED, make_console, tell
from bench.data.registry import refuse_idle_folder
from bench.engine.executors import starting
from bench.errors import SettingsError, number_of
from bench.plan.settings import RunSettings, changed_by_hand, make_settings
from bench.search.conduct import carry_out_search, open_search, trials_of
from bench.search.criteria import names_criteria
from bench.search.display import SearchDisplay
from bench.search.findings import Findings
from bench.search.plan import SearchPlan, make_search_plan
from bench.search.settings import SearchSettings, make_search_settings
from bench.search.winners import best_trials, write_winners
from bench.store.atomic import write_figure
from bench.store.folder import FIGURES, check_claim, default_folder
from bench.store.lock import locked
from bench.store.storage import Storage

_MAX_CAUSES = 5


def search_settings(
    flags: dict[str, Any], of_search: dict[str, Any], training_objective: str | None, config: Path | None, preset: str | None
) -> tuple[RunSettings, SearchSettings]:
    """Return the settings of a search's trainings, and those of the search itself.

    Old spellings of options and keys are accepted; the user is told the new ones.
    """
    objective = flags.pop("objective", None)
    if objective is not None and (training_objective is not None or names_criteria(objective)):
        tell("--objective of a search is called --criterion now; --objective is the training's, as in `run`")
        of_search, objective = {"criterion": objective} | of_search, None
    if training_objective is not None:
        tell("--training-objective is called --objective now")
    objective = objective or training_objective
    if objective is not None:
        flags["objective"] = objective
    layers = files(config, preset)
    chosen = make_search_settings(*_search_tables(layers, config or preset), of_search)
    in_files = layers[0] | layers[1]
    for name in chosen.space:
        # --space overrides what a file fixes; fixing the same parameter by an option is an error (`searched_space`).
        in_files.pop(name, None)
        if isinstance(in_files.get("set"), dict):
            in_files["set"] = {key: value for key, value in in_files["set"].items() if key.replace("-", "_") != name}
    settings = make_settings({"model_seeds": (0,)}, in_files, flags, changed_by_hand(in_files, flags))
    refuse_idle_folder(settings.data, flags.get("data_dir"))
    return settings, chosen


def _search_tables(layers: tuple[dict[str, Any], ...], source: object) -> list[dict[str, Any]]:
    """Take the table [search] out of every layer of settings."""
    tables = [layer.pop("search", {}) for layer in layers]
    if not all(isinstance(table, dict) for table in tables):
        raise SettingsError(f"[search] in {source} is not a table of settings")
    return [_renamed({key.replace("-", "_"): value for key, value in table.items()}) for table in tables]


def _renamed(table: dict[str, Any]) -> dict[str, Any]:
    if "objective" not in table:
        return table
    tell("`objective` in [search] is called `criterion` now")
    return {"criterion": table["objective"]} | {key: value for key, value in table.items() if key != "objective"}


def search_configurations(settings: RunSettings, search: SearchSettings, out: Path | None, format_: str) -> None:
    """Carry out a search, print its results, and write its winners and figures."""
    console, progress = make_console(), make_console(stderr=True)
    dataset = read_data(settings, progress)
    plan = make_search_plan(settings, search, dataset)
    folder = out or default_folder(settings.data, _about(plan), "searches")
    check_claim(folder, plan.identity)
    with locked(folder):
        study, storage = open_search(plan, folder.resolve())
        findings = Findings(plan, study)
        _carry_out(findings, storage, console, progress, folder)
        _finish(Findings(plan, study), folder, console, format_)


def _about(plan: SearchPlan) -> dict[str, Any]:
    """Return what the name of the search's own folder depends on."""
    return plan.identity | {"seed": plan.search.search_seed, "algorithm": plan.search.algorithm}


def _carry_out(findings: Findings, storage: Storage, console: Console, progress: Console, folder: Path) -> None:

    plan, study = findings.plan, findings.study
    if study.n_finished >= plan.search.trials and not study.n_interrupted:
        progress.print(f"nothing to run: the study has {number_of(study.n_finished, 'trial')}; a larger --trials adds to it")
        return
    best = best_trials(study)
    maximize = plan.criteria[0].direction == "maximize"
    ended = {state: findings.counts.get(state, 0) for state in ("complete", "pruned", "failed")}
    display = SearchDisplay(progress, plan.search.trials, ended, best[0].values[0] if best else None, maximize=maximize)
    try:
        with display:
            display.starting(starting(plan.settings))
            with trials_of(plan, storage) as run_trials:
                display.starting("")
                carry_out_search(plan, study, storage, run_trials, display)
    except KeyboardInterrupt:
        progress.print(
            f"interrupted with {study.n_finished:,} of {number_of(plan.search.trials, 'trial')} in {folder}.", soft_wrap=True
        )
        progress.print("Repeat the same command to go on.")
        console.file.flush()
        # Ray and Tune leave threads that would keep the process alive; all our work is on disk.
        os._exit(EXIT_INTERRUPTED)


def _finish(findings: Findings, folder: Path, console: Console, format_: str) -> None:

    winners = write_winners(findings.plan, findings.study, folder)
    if format_ == "rich":
        for grid in findings.grids():
            print_grid(grid, format_)
            console.print()
    else:
        print_grid(findings.every_trial(), format_)
    for name, figure in findings.figures():
        for suffix in (".png", ".svg"):
            write_figure(figure, folder / FIGURES / f"{name}{suffix}")
    if format_ == "rich":
        console.print(f"study, figures and settings: {folder}", soft_wrap=True)
        for path in winners:
            console.print(f"gmvae-bench run --config {shlex.quote(str(path))}", style="dim", soft_wrap=True)
    failed = findings.counts.get("failed", 0)
    if failed:
        progress = make_console(stderr=True)
        progress.print(f"{failed:,} of {number_of(len(findings.study.trials), 'trial')} failed:", style="red")
        for error, count in findings.causes[:_MAX_CAUSES]:
            progress.print(f"  {count:,}: {error}", style="red", soft_wrap=True)
        raise typer.Exit(EXIT_CELLS_FAILED)
