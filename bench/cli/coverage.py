"""`gmvae-bench coverage`: random labels until every cluster has one."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.reading import gallery_of, print_grid, save_figure
from bench.cli.state import make_console
from bench.errors import SettingsError

_COVERAGE_LABELS = "73,146,291,728"


def coverage(
    run: Annotated[Path | None, typer.Argument(help="Folder of a run, for its own clusters.", show_default=False)] = None,
    components: Annotated[
        int | None,
        typer.Option(
            help="K of equal clusters (default: 100); of a run, its models to show.", min=1, max=100_000, show_default=False
        ),
    ] = None,
    n: Annotated[int | None, typer.Option(help="Items, for percentages. (default: 145,600)", min=1, show_default=False)] = None,
    confidence: Annotated[str, typer.Option(help="Confidences that every cluster has a label.")] = "0.95,0.99",
    labels: Annotated[
        str | None, typer.Option(help="Labels to show the clusters covered for. (default: 73,146,291,728)", show_default=False)
    ] = None,
    data_dir: options.DataDir = None,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw clusters covered, to this file.", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Say how many random labels it takes until every cluster has one: for equal clusters, or for those of a run.

    For a run also what its label draws covered, and whether accuracy rose with it.
    """
    from bench.plan.values import parse_integers

    try:
        confidences = tuple(float(part) for part in confidence.split(","))
        counts = parse_integers(labels or _COVERAGE_LABELS)
        if not all(0 < value < 1 for value in confidences):
            raise ValueError("confidences lie between 0 and 1, e.g. 0.95")
    except ValueError as error:
        raise SettingsError(f"--confidence {confidence} --labels {labels}: {error}") from error
    if run is None:
        _coverage_of_equal_clusters(components or 100, n or 145_600, confidences, counts, figure)
        return
    if n or labels:
        raise SettingsError("a run has its own items and budgets; leave out --n and --labels")
    _coverage_of_run(run, components, data_dir, confidences, figure)


def _coverage_of_equal_clusters(
    components: int, n: int, confidences: tuple[float, ...], counts: tuple[int, ...], figure: Path | None
) -> None:
    from bench.show.coverage import coverage_tables
    from bench.stats.coverage import coverage_rows, expected_covered, expected_labels, probability_all_covered

    rows = coverage_rows(components, confidences)
    at = tuple((count, expected_covered(components, count), probability_all_covered(components, count)) for count in counts)
    make_console().print(coverage_tables(components, n, expected_labels(components), rows, at))
    if figure is not None:
        from bench.show.record_figures import coverage_figure

        most = rows[-1].exact
        save_figure(coverage_figure(components, range(1, 2 * most, max(1, most // 200)), None, (), f"{n:,} items"), figure)


def _coverage_of_run(
    run: Path, components: int | None, data_dir: Path | None, confidences: tuple[float, ...], figure: Path | None
) -> None:
    from bench.gallery import Gallery
    from bench.store.folder import open_run
    from bench.store.presence import trained_models
    from bench.summary import coverage_of, known_labels, observed_of

    stored = open_run(run, empty=True)
    if stored.records.empty:
        # Models alone, which `select` has trained.
        models = Gallery(stored, None, stored.records)
        sizes = {key: models.sizes(key) for key in trained_models(run)}
        if sizes:
            print_grid(coverage_of(sizes, int(stored.dataset["n_pool"]), confidences), "rich")
            return
    gallery = gallery_of(stored, data_dir, None if components is None else str(components))
    sizes = {key: gallery.sizes(key) for key in gallery.models}
    if not sizes:
        raise SettingsError(f"{run} holds no trained model; `gmvae-bench coverage --components K` answers for equal clusters")
    print_grid(coverage_of(sizes, known_labels(stored.dataset), confidences), "rich")
    observed = observed_of(gallery.records, sizes)
    if observed.rows:
        typer.echo()
        print_grid(observed, "rich")
    if figure is not None:
        (drawing,) = gallery.draw(("coverage",))
        save_figure(drawing.figure, figure)
