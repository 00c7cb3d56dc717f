"""Commands that read a run or compute from nothing: `table`, `plot`, `coverage`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.state import make_console

if TYPE_CHECKING:
    import pandas as pd

    from bench.stats.comparison import Comparison
    from bench.store.folder import StoredRun

RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]
Metric = Annotated[str, typer.Option(help="accuracy, macro_accuracy, accuracy_test or fit_seconds.")]
Format = Annotated[str, typer.Option("--format", help="rich, markdown, csv or latex.")]


def table(
    run: RunFolder,
    metric: Metric = "accuracy",
    format_: Format = "rich",
    methods: Annotated[str | None, typer.Option(help="Only these methods.")] = None,
) -> None:
    """Print the comparison of a run: method by budget, mean and 95 % interval."""
    from bench.errors import unknown_name
    from bench.plan.settings import parse_names

    if format_ not in ("rich", "markdown", "csv", "latex"):
        raise unknown_name("format", format_, ("rich", "markdown", "csv", "latex"))
    from bench.show.tables import render, to_latex, to_markdown
    from bench.stats.curves import curves
    from bench.store.folder import open_run

    stored = open_run(run)
    chosen = parse_names(methods) if methods is not None else None
    console = make_console()
    if format_ == "csv":
        typer.echo(curves(_of_methods(stored, chosen), metric).to_csv(index=False), nl=False)
        return
    comparison = comparison_of(stored, metric, chosen)
    if format_ == "rich":
        console.print(render(comparison, console.width))
    else:
        typer.echo({"markdown": to_markdown, "latex": to_latex}[format_](comparison), nl=False)


def plot(
    run: RunFolder,
    metric: Metric = "accuracy",
    methods: Annotated[str | None, typer.Option(help="Only these methods.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures. (default: RUN/figures)", show_default=False)] = None,
) -> None:
    """Draw the label-efficiency curve of a run as PNG and SVG."""
    from bench.plan.settings import parse_names
    from bench.show.figures import label_efficiency
    from bench.stats.curves import curves
    from bench.store.atomic import write_atomically
    from bench.store.folder import FIGURES, open_run

    stored = open_run(run)
    frame = curves(_of_methods(stored, parse_names(methods) if methods is not None else None), metric)
    figure = label_efficiency(frame, stored.dataset, metric)
    for suffix in (".png", ".svg"):
        path = (out or run / FIGURES) / f"label-efficiency{'' if metric == 'accuracy' else '-' + metric}{suffix}"
        write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=150))
        typer.echo(path)


def coverage(
    components: Annotated[int, typer.Option(help="K, the number of clusters.", min=1, max=100_000)] = 100,
    n: Annotated[int, typer.Option(help="Items in the pool, for percentages.", min=1)] = 145_600,
    confidence: Annotated[str, typer.Option(help="Confidences that every cluster has a label.")] = "0.95,0.99",
    labels: Annotated[str, typer.Option(help="Numbers of labels for which to show the clusters covered.")] = "73,146,291,728",
) -> None:
    """Say how many random labels it takes until every cluster has one, for equal clusters drawn with replacement."""
    from bench.errors import SettingsError
    from bench.plan.settings import parse_integers
    from bench.show.coverage import coverage_tables
    from bench.stats.coverage import coverage_rows, expected_covered, expected_labels, probability_all_covered

    try:
        confidences = tuple(float(part) for part in confidence.split(","))
        counts = parse_integers(labels)
        rows = coverage_rows(components, confidences)
    except ValueError as error:
        raise SettingsError(f"--confidence {confidence} --labels {labels}: {error}") from error
    at = tuple((count, expected_covered(components, count), probability_all_covered(components, count)) for count in counts)
    make_console().print(coverage_tables(components, n, expected_labels(components), rows, at))


def comparison_of(stored: "StoredRun", metric: str, methods: Sequence[str] | None) -> "Comparison":
    """Compute the comparison table of a run."""
    from bench.stats.comparison import compare
    from bench.stats.curves import curves

    records = _of_methods(stored, methods)
    return compare(records, curves(records, metric), stored.dataset, metric)


def _of_methods(stored: "StoredRun", methods: Sequence[str] | None) -> "pd.DataFrame":
    from bench.errors import SettingsError, unknown_name

    records = stored.records
    if records.empty:
        raise SettingsError(
            f"{stored.folder} has no finished cells yet; repeat `gmvae-bench run` with the same settings to go on"
        )
    if methods is None:
        return records
    if not methods:
        raise SettingsError("--methods names no method; leave it out for all of them")
    there = set(records["method"])
    for name in methods:
        if name not in there:
            raise unknown_name("method in this run", name, there)
    return records[records["method"].isin(methods)]
