"""Commands that print what a run measured: `table`, `compare`, `claims`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options
from bench.cli.reading import (
    Format,
    Metric,
    RunFolder,
    SomeBudgets,
    SomeComponents,
    SomeMethods,
    check_format,
    chosen_records,
    gallery_of,
    print_grid,
    run_names,
)
from bench.cli.state import make_console
from bench.errors import SettingsError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from bench.show.grid import Grid
    from bench.stats.comparison import Comparison
    from bench.stats.seeds import SeedTable
    from bench.store.folder import StoredRun

_MANY_DATASETS = 2


def table(
    run: RunFolder,
    metric: Metric = "accuracy",
    format_: Format = "rich",
    methods: SomeMethods = None,
    components: SomeComponents = None,
    budgets: SomeBudgets = None,
    reference: Annotated[
        str | None, typer.Option(help="Show differences to this method, on the same labels.", show_default=False)
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Show labels needed for this accuracy, e.g. 0.8.", min=0, max=1, show_default=False)
    ] = None,
    cost: Annotated[bool, typer.Option("--cost", help="Show CPU time and memory of trainings and methods.")] = False,
) -> None:
    """Print the comparison of a run: method by budget, mean and 95 % interval.

    With --reference: differences in points, tested. With --target: labels to an accuracy, ratios, area under the curve.
    With --cost: CPU time and memory.
    """
    check_format(format_)
    from bench.store.folder import open_run

    stored = open_run(run)
    records, every = (chosen_records(stored, names, components, budgets) for names in (methods, None))
    if cost:
        if reference is not None or target is not None or metric != "accuracy":
            raise SettingsError("--cost makes a table of its own; leave out --metric, --reference and --target")
        grid = _costs(stored, records)
    elif target is not None:
        grid = _labels_to(records, every, metric, target, reference)
    elif reference is not None:
        grid = _differences(records, every, metric, reference)
    else:
        _print_scores(stored, records, metric, format_)
        return
    print_grid(_with_selections(grid, records), format_)


def _print_scores(stored: "StoredRun", records: "pd.DataFrame", metric: str, format_: str) -> None:
    from bench.show.tables import render, to_latex, to_markdown
    from bench.stats.curves import curves

    if format_ == "csv":
        place = ["method", "sampler", "n_labeled"]
        chosen = records.groupby(place)[["selection", "selection_labels"]].first()
        table = curves(records, metric)
        typer.echo((table.join(chosen, on=place) if chosen["selection"].notna().any() else table).to_csv(index=False), nl=False)
        return
    comparison = comparison_of(stored, records, metric)
    console = make_console()
    if format_ == "rich":
        console.print(render(comparison, console.width))
        console.print(_rank_line(records, metric), style="dim")
    else:
        typer.echo({"markdown": to_markdown, "latex": to_latex}[format_](comparison), nl=False)


def _rank_line(records: "pd.DataFrame", metric: str) -> str:
    from bench.stats.ranks import average_ranks
    from bench.stats.seeds import LOWER_IS_BETTER, seed_tables

    ranks = average_ranks(seed_tables(records, metric), lower_is_better=metric in LOWER_IS_BETTER)
    if len(ranks) < 2:
        return ""
    order = sorted(ranks.items(), key=lambda item: item[1])
    return "\nmean rank over budgets and label draws: " + ", ".join(f"{label} {rank:.1f}" for label, rank in order)


def _differences(records: "pd.DataFrame", every: "pd.DataFrame", metric: str, reference: str) -> "Grid":
    from bench.show.statistics import differences_grid
    from bench.stats.paired import paired_differences

    tables, bases = _tables_and_references(records, every, metric, reference)
    found = paired_differences(tables, bases)
    if not found:
        raise SettingsError(f"--reference {reference} has no budget and label draw in common with another method of the run")
    return differences_grid(found, reference, sorted({difference.n_labeled for difference in found}))


def _labels_to(records: "pd.DataFrame", every: "pd.DataFrame", metric: str, target: float, reference: str | None) -> "Grid":
    from bench.summary import BOOSTED, efficiency_of

    tables, bases = _tables_and_references(records, every, metric, reference or BOOSTED, required=reference is not None)
    return efficiency_of(tables, target, bases[0] if bases else None)


def _tables_and_references(
    records: "pd.DataFrame", every: "pd.DataFrame", metric: str, reference: str, *, required: bool = True
) -> "tuple[list[SeedTable], list[SeedTable]]":
    """Return the seed tables of the chosen records, and those of the reference: a method's name, or with its K (`soft K=50`)."""
    from bench.stats.seeds import CURVE, LOWER_IS_BETTER, METRICS, reference_tables, seed_tables

    if metric not in METRICS or metric in LOWER_IS_BETTER:
        raise unknown_name("metric for this table", metric, [name for name in METRICS if name not in LOWER_IS_BETTER])
    tables = seed_tables(every, metric)
    bases = reference_tables(tables, reference)
    if not bases and required:
        raise unknown_name("method in this run", reference, [found.label for found in tables])
    curves = records[list(CURVE)].drop_duplicates().fillna({"n_components": 0})
    chosen = set(curves.itertuples(index=False, name=None))

    def is_chosen(table: "SeedTable") -> bool:
        return (table.method, table.sampler, table.n_components or 0) in chosen

    return [found for found in tables if is_chosen(found) or (found in bases and required)], bases


def _costs(stored: "StoredRun", records: "pd.DataFrame") -> "Grid":
    from bench.gallery import Gallery
    from bench.judge.methods import all_methods
    from bench.show.statistics import costs_grid
    from bench.stats.costs import method_costs

    about = f"{stored.dataset['name']}, {stored.dataset['n_pool']:,} items"
    unclustered = {name for name, method in all_methods().items() if method.needs == "nothing"}
    return costs_grid(method_costs(records, unclustered), Gallery(stored, None, records).training_costs(), about)


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", show_default=False)],
    metric: Metric = "accuracy",
    format_: Format = "rich",
    methods: SomeMethods = None,
    components: SomeComponents = None,
) -> None:
    """Print several runs in one table; over several data sets also test whether the methods' ranks differ."""
    check_format(format_)
    if len(runs) < 2:
        raise SettingsError(f"compare got 1 run; give two or more, or use `gmvae-bench table {runs[0]}`")
    from bench.show.statistics import runs_grid
    from bench.stats.comparison import selection_notes
    from bench.stats.seeds import seed_tables
    from bench.store.folder import open_run

    opened = [open_run(folder) for folder in runs]
    chosen = [_records_of(stored, methods, components) for stored in opened]
    tables = [seed_tables(records, metric) for records in chosen]
    about = [
        f"{stored.dataset['name']}, {stored.dataset['n_pool']:,} items, {', '.join(stored.records['model'].dropna().unique())}, "
        f"{stored.config.get('settings', {}).get('epochs', '?')} epochs"
        + "".join(f"; {note}" for note in selection_notes(records))
        for stored, records in zip(opened, chosen, strict=True)
    ]
    print_grid(runs_grid(run_names(opened), about, tables, metric), format_)
    names = {str(stored.dataset["name"]) for stored in opened}
    if format_ == "rich" and len(names) >= _MANY_DATASETS and len(names) == len(opened):
        _print_rank_test(tables, metric)


def _records_of(stored: "StoredRun", methods: str | None, components: str | None) -> "pd.DataFrame":
    try:
        return chosen_records(stored, methods, components)
    except SettingsError as error:
        raise SettingsError(f"{stored.folder}: {error}") from error


def _print_rank_test(tables: "Sequence[Sequence[SeedTable]]", metric: str) -> None:
    import numpy as np

    from bench.stats.efficiency import area_under_curve, rank_test
    from bench.stats.seeds import LOWER_IS_BETTER, shared_budgets

    areas = []
    for run in tables:
        budgets = shared_budgets(run)
        found = {table.label: area_under_curve(table, budgets) for table in run}
        areas.append({label: area.mean for label, area in found.items() if area is not None})
    common = sorted(set.intersection(*(set(run) for run in areas)))
    sign = -1 if metric in LOWER_IS_BETTER else 1
    test = rank_test(sign * np.array([[run[label] for label in common] for run in areas]), common) if len(common) > 1 else None
    if test is None:
        return
    order = ", ".join(f"{label} {rank:.1f}" for label, rank in sorted(test.ranks.items(), key=lambda item: item[1]))
    make_console().print(
        f"\nmean ranks by area under the curve over {len(tables)} data sets: {order}\n"
        f"Friedman's test: p = {test.p:.3g}; ranks further apart than {test.critical_difference:.1f} differ (Nemenyi, 5 %)",
        soft_wrap=True,
    )


def claims(run: RunFolder, format_: Format = "rich", data_dir: options.DataDir = None) -> None:
    """Put the study's claims beside what a run measured: holds, does not hold, or cannot be judged here, and why."""
    check_format(format_)
    from bench.show.statistics import claims_grid
    from bench.stats.claims import STUDY_COMPONENTS
    from bench.stats.claims import claims as judge_claims
    from bench.store.folder import open_run

    stored = open_run(run)
    gallery = gallery_of(stored, data_dir)
    sizes = [gallery.sizes(key) for key in gallery.models if key.n_components == STUDY_COMPONENTS]
    about = str(stored.dataset.get("note") or f"measured on {stored.dataset['name']}, {stored.dataset['n_pool']:,} items")
    grid = claims_grid(judge_claims(chosen_records(stored, None), stored.dataset, sizes), about)
    print_grid(_with_selections(grid, stored.records), format_)


def _with_selections(grid: "Grid", records: "pd.DataFrame") -> "Grid":
    """Add how settings were chosen, and what that took in labels, to what a table says of itself."""
    from dataclasses import replace

    from bench.stats.comparison import selection_notes

    return replace(grid, notes=(*grid.notes, *selection_notes(records)))


def comparison_of(stored: "StoredRun", records: "pd.DataFrame", metric: str) -> "Comparison":
    """Compute the comparison table of a run's records."""
    from bench.stats.comparison import compare as arrange
    from bench.stats.curves import curves

    return arrange(records, curves(records, metric), stored.dataset, metric)
