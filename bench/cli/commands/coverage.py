"""`gmvae-bench coverage`: random labels until every cluster has one."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.output import print_grid, save_figure
from bench.cli.state import tell
from bench.errors import SettingsError
from bench.plan.values import parse_integers
from bench.reading.open_run import OpenRun
from bench.reading.part import Part
from bench.reading.tables import Ask, table_of
from bench.show.coverage import coverage_grids
from bench.stats.coverage import coverage_rows, expected_covered, expected_labels, probability_all_covered

_COVERAGE_LABELS = "73,146,291,728"


def coverage(
    run: Annotated[Path | None, typer.Argument(help="Folder of a run, for its own clusters.", show_default=False)] = None,
    components: Annotated[
        int | None,
        typer.Option(
            help="K of equal clusters (default: 100); with a run, which models to show.", min=1, max=100_000, show_default=False
        ),
    ] = None,
    n: Annotated[int | None, typer.Option(help="Items, for percentages. (default: 145,600)", min=1, show_default=False)] = None,
    confidence: Annotated[str, typer.Option(help="Confidences that every cluster has a label.", metavar="SHARE,…")] = "0.95,0.99",
    labels: Annotated[
        str | None,
        typer.Option(
            help="Labels to show the clusters covered for. (default: 73,146,291,728)", metavar="N,…", show_default=False
        ),
    ] = None,
    data_dir: options.DataDir = None,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw clusters covered, to this file.", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Say how many random labels it takes until every cluster has one: for equal clusters, or for those of a run.

    For a run, also show what its label draws covered, and whether accuracy rose with it.
    """
    try:
        confidences = tuple(float(part) for part in confidence.split(","))
        counts = parse_integers(labels or _COVERAGE_LABELS)
        if not all(0 < value < 1 for value in confidences):
            raise ValueError("confidences lie between 0 and 1, e.g. 0.95")
    except ValueError as error:
        raise SettingsError(f"--confidence {confidence} --labels {labels}: {error}") from error
    if run is None:
        _of_equal_clusters(components or 100, n or 145_600, confidences, counts, figure)
        return
    if n or labels:
        raise SettingsError("a run has its own items and budgets; leave out --n and --labels")
    part = Part(components=None if components is None else str(components))
    _of_run(OpenRun(run, part, data_dir=data_dir, tell=tell, empty=True), confidences, figure)


def _of_equal_clusters(
    components: int, n: int, confidences: tuple[float, ...], counts: tuple[int, ...], figure: Path | None
) -> None:
    rows = coverage_rows(components, confidences)
    at = tuple((count, expected_covered(components, count), probability_all_covered(components, count)) for count in counts)
    for grid in coverage_grids(components, n, expected_labels(components), rows, at):
        print_grid(grid)
    if figure is not None:
        from bench.reading.figures import coverage as figure_of_coverage

        most = rows[-1].exact
        counted = range(1, 2 * most, max(1, most // 200))
        drawn = figure_of_coverage.draw(
            figure_of_coverage.Covered(components, counted, None, (), f"{n:,} items; K = {components}")
        )
        save_figure(drawn, figure)


def _of_run(run: OpenRun, confidences: tuple[float, ...], figure: Path | None) -> None:
    grid = table_of("coverage").make(run, Ask(confidences=confidences))
    if grid is None:
        # Raises the reason if the run has no records either.
        run.records  # noqa: B018
        raise SettingsError(
            f"{run.folder} holds no trained model; `gmvae-bench coverage --components K` answers for equal clusters"
        )
    print_grid(grid)
    if run.every.empty:
        return
    covered = table_of("covered").make(run, Ask())
    if covered is not None:
        typer.echo()
        print_grid(covered)
    if figure is None:
        return
    from bench.reading.figures import coverage as figure_of_coverage

    data = figure_of_coverage.data(run)
    if data is not None:
        save_figure(figure_of_coverage.draw(data), figure)
