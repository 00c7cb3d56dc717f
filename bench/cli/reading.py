"""What commands that read a run share: its options, its records, its clusters, and printing a table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.state import make_console

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from jaxtyping import Int

    from bench.data.dataset import Dataset
    from bench.plan.cells import ModelKey
    from bench.show.grid import Grid
    from bench.store.folder import StoredRun

RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]
Metric = Annotated[str, typer.Option(help="accuracy, macro_accuracy, accuracy_test or fit_seconds.")]
Format = Annotated[str, typer.Option("--format", help="rich, markdown, csv or latex.")]
SomeMethods = Annotated[str | None, typer.Option("--methods", help="Only these methods.")]


def chosen_records(stored: "StoredRun", methods: str | None) -> "pd.DataFrame":
    """Return a run's records, or those of some methods.

    Raises
    ------
    SettingsError
        If there are none, or a method is not in the run.
    """
    from bench.errors import SettingsError, unknown_name
    from bench.plan.settings import parse_names

    records = stored.records
    if records.empty:
        raise SettingsError(
            f"{stored.folder} has no finished cells yet; repeat `gmvae-bench run` with the same settings to go on"
        )
    if methods is None:
        return records
    names = parse_names(methods)
    if not names:
        raise SettingsError("--methods names no method; leave it out for all of them")
    there = set(records["method"])
    for name in names:
        if name not in there:
            raise unknown_name("method in this run", name, there)
    return records[records["method"].isin(names)]


def check_format(format_: str) -> None:
    """Refuse an output format that does not exist, before anything is computed."""
    from bench.errors import unknown_name
    from bench.show.grid import FORMATS

    if format_ not in FORMATS:
        raise unknown_name("format", format_, FORMATS)


def print_grid(grid: "Grid", format_: str) -> None:
    """Print a table in the format asked for."""
    from bench.show.grid import render_grid, to_text

    if format_ == "rich":
        make_console().print(render_grid(grid))
    else:
        typer.echo(to_text(grid, format_), nl=False)


def cluster_sizes(stored: "StoredRun") -> "Iterator[tuple[ModelKey, Int[np.ndarray, ' k']]]":
    """Yield each trained model of the run with the items per cluster (argmax), read from its posterior."""
    import numpy as np

    from bench.plan.cells import ModelKey
    from bench.store.models import is_trained, load_encoded

    known = stored.records.dropna(subset=["n_components"])[["n_components", "model_seed"]].drop_duplicates()
    for k, seed in sorted(known.astype(int).itertuples(index=False, name=None)):
        key = ModelKey(k, seed)
        if is_trained(stored.folder, key):
            assignment = load_encoded(stored.folder, key)[0].posterior.argmax(axis=1)
            yield key, np.bincount(assignment, minlength=k)


def dataset_of(stored: "StoredRun", data_dir: Path | None, *, needed: bool = False) -> "Dataset | None":
    """Load the data that a run was made of; where they are gone, say what that costs, or fail if they are `needed`."""
    from bench.data.registry import load_dataset
    from bench.errors import BenchError, SettingsError

    settings = stored.config.get("settings", {})
    folder = data_dir or (Path(settings["data_dir"]) if settings.get("data_dir") else None)
    try:
        dataset = load_dataset(
            settings.get("data") or stored.dataset["name"],
            folder,
            label_column=settings.get("label_column"),
            holdout=settings.get("holdout") or "none",
        )
        if dataset.sha256 != stored.dataset.get("sha256"):
            raise SettingsError(f"the data at {settings.get('data')} are not those of the run any more (other SHA-256)")
    except BenchError as error:
        message = f"{error}; give the folder of the run's data with --data-dir"
        if needed:
            raise SettingsError(message) from error
        typer.echo(f"{message}\nfigures that need the data are left out", err=True)
        return None
    return dataset


def expected_cells(stored: "StoredRun") -> int | None:
    """Return how many cells the run's last settings ask for, and earlier ones left; `None` where they cannot be counted."""
    from bench.judge.methods import all_methods
    from bench.plan.budgets import resolve_budgets
    from bench.plan.cells import ModelKey, expand_cells

    settings, known = stored.config.get("settings", {}), all_methods()
    try:
        methods = {name: known[name].needs != "nothing" for name in settings["methods"]}
        keys = [ModelKey(k, seed) for k in settings["components"] for seed in settings["model_seeds"]]
        budgets = resolve_budgets(settings["budgets"], int(stored.dataset["n_pool_labels_known"]))
        cells = expand_cells(methods, keys, budgets, settings["label_seeds"])
    except (KeyError, TypeError):
        return None
    from bench.store.records import failed_records, finished_keys

    finished = finished_keys(stored.records)
    missing = sum(cell.key not in finished for cell in cells) - len(failed_records(stored.records, cells))
    return len(stored.records) + missing


def run_names(runs: Sequence["StoredRun"]) -> list[str]:
    """Return a short name for each run: its folder's, and more of the path where two are the same."""
    paths = [run.folder.resolve() for run in runs]
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(set(paths)):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]
