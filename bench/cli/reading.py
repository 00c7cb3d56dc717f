"""What commands that read a run share: its options, its records, its clusters, and printing a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.state import make_console

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from bench.data.dataset import Dataset
    from bench.gallery import Gallery
    from bench.show.grid import Grid
    from bench.store.folder import StoredRun

RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]
Metric = Annotated[str, typer.Option(help="accuracy, macro_accuracy, accuracy_test or fit_seconds.")]
Format = Annotated[str, typer.Option("--format", help="rich, markdown, csv or latex.")]
SomeMethods = Annotated[
    str | None, typer.Option("--methods", help="Only these methods; soft@cluster: only with items of that sampler.")
]
SomeComponents = Annotated[
    str | None, typer.Option("--components", help="Only models of these K, and methods without one.", show_default=False)
]
SomeBudgets = Annotated[
    str | None, typer.Option("--budgets", help="Only these numbers of labels, e.g. 73,291,7%.", show_default=False)
]


def chosen_records(
    stored: "StoredRun", methods: str | None, components: str | None = None, budgets: str | None = None
) -> "pd.DataFrame":
    """Return a run's records, or those of some methods, samplers (`soft@cluster`), K and budgets.

    Raises
    ------
    SettingsError
        If there are none, or one of them is not in the run.
    """
    from bench.errors import SettingsError

    records = stored.records
    if records.empty:
        raise SettingsError(
            f"{stored.folder} has no finished cells yet; repeat `gmvae-bench run` with the same settings to go on"
        )
    if components is not None:
        records = _of_components(records, components)
    if budgets is not None:
        records = _of_budgets(stored, records, budgets)
    return records if methods is None else _of_methods(stored.records, records, methods)


def _of_components(records: "pd.DataFrame", components: str) -> "pd.DataFrame":
    from bench.errors import SettingsError
    from bench.plan.values import parse_integers

    there = sorted(int(k) for k in records["n_components"].dropna().unique())
    try:
        asked = parse_integers(components)
    except ValueError as error:
        raise SettingsError(f"--components got {components!r}: {error}") from error
    missing = [k for k in asked if k not in there]
    if missing or not asked:
        raise SettingsError(f"--components got {components!r}; the run has {', '.join(map(str, there)) or 'no models'}")
    return records[records["n_components"].isin(asked) | records["n_components"].isna()]


def _of_budgets(stored: "StoredRun", records: "pd.DataFrame", budgets: str) -> "pd.DataFrame":
    from bench.errors import SettingsError
    from bench.plan.budgets import resolve_budgets
    from bench.plan.values import parse_names
    from bench.summary import known_labels

    asked = resolve_budgets(parse_names(budgets), known_labels(stored.dataset))
    there = dict(zip(records["n_labeled"], records["budget"], strict=True))
    missing = [budget.asked for budget in asked if budget.n_labeled not in there]
    if missing or not asked:
        raise SettingsError(f"--budgets got {budgets!r}; the run has {', '.join(there[n] for n in sorted(there))}")
    return records[records["n_labeled"].isin([budget.n_labeled for budget in asked])]


def _of_methods(every: "pd.DataFrame", records: "pd.DataFrame", methods: str) -> "pd.DataFrame":
    """Return those of some records whose methods, or `method@sampler`, are named; `every` are all of the run."""
    from bench.errors import SettingsError, unknown_name
    from bench.plan.values import parse_names

    # As in tables: `soft @cluster`.
    names = tuple(name.replace(" @", "@") for name in parse_names(methods))
    if not names:
        raise SettingsError("--methods names no method; leave it out for all of them")
    there = set(every["method"])
    if len(every["sampler"].unique()) > 1 or any("@" in name for name in names):
        there |= set(every["method"] + "@" + every["sampler"])
    for name in names:
        if name not in there:
            raise unknown_name("method in this run", name, there)
    chosen = records[records["method"].isin(names) | (records["method"] + "@" + records["sampler"]).isin(names)]
    if chosen.empty:
        raise SettingsError(f"--methods {methods} has no records with such --components and --budgets")
    return chosen


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
        console = make_console()
        console.print(render_grid(grid, console.width))
    else:
        typer.echo(to_text(grid, format_), nl=False)


def gallery_of(stored: "StoredRun", data_dir: Path | None = None, components: str | None = None) -> "Gallery":
    """Return the run's models and records, or those of some K.

    Its data come along only where some labels are unknown, since those cannot be drawn.
    """
    from bench.gallery import Gallery
    from bench.summary import known_labels

    # An export has counted them already.
    partly = known_labels(stored.dataset) < int(stored.dataset["n_pool"]) and not stored.exported
    dataset = dataset_of(stored, data_dir, needed=True) if partly else None
    return Gallery(stored, dataset, chosen_records(stored, None, components))


def dataset_of(stored: "StoredRun", data_dir: Path | None, *, needed: bool = False) -> "Dataset | None":
    """Load the data that a run was made of; where they are gone, say what that costs, or fail if they are `needed`."""
    from bench.data.registry import load_dataset
    from bench.errors import BenchError, SettingsError

    if stored.exported:
        message = f"{stored.folder} is an exported run, without models"
        if needed:
            raise SettingsError(f"{message}; the run that it was made from, or the same command again, has them")
        typer.echo(f"{message}: figures that need them are left out", err=True)
        return None
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
        hint = "" if "SHA-256" in str(error) else "; if the run's data lie elsewhere now, say where with --data-dir"
        message = f"{error}{hint}"
        if needed:
            raise SettingsError(message) from error
        typer.echo(f"{message}\nfigures that need the data are left out", err=True)
        return None
    return dataset


def run_names(runs: Sequence["StoredRun"]) -> list[str]:
    """Return a short name for each run: its folder's, and more of the path where two are the same."""
    paths = [run.folder.resolve() for run in runs]
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(set(paths)):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]


def save_figure(figure: "Figure", path: Path, *, tell: bool = True) -> None:
    """Write a figure to a file, whole or not at all, and say where."""
    from bench.store.atomic import write_atomically

    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=150))
    if tell:
        typer.echo(path)
