"""Commands that read a run: `table`, `compare`, `claims`, `plot`, `explain`, `coverage`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options
from bench.cli.reading import (
    Format,
    Metric,
    RunFolder,
    SomeMethods,
    check_format,
    chosen_records,
    dataset_of,
    gallery_of,
    print_grid,
    run_names,
)
from bench.cli.state import make_console
from bench.errors import SettingsError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from bench.gallery import Drawing
    from bench.stats.comparison import Comparison
    from bench.stats.seeds import SeedTable
    from bench.store.folder import StoredRun

LabelsOfDraw = Annotated[
    int | None,
    typer.Option(help="Labels of the draw to look at. (default: about three per component)", min=1, show_default=False),
]
_MANY_DATASETS = 2
_COVERAGE_LABELS = "73,146,291,728"


def table(
    run: RunFolder,
    metric: Metric = "accuracy",
    format_: Format = "rich",
    methods: SomeMethods = None,
    reference: Annotated[
        str | None, typer.Option(help="Show differences to this method, on the same labels.", show_default=False)
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="Show labels needed for this accuracy, e.g. 0.8.", min=0, max=1, show_default=False)
    ] = None,
) -> None:
    """Print the comparison of a run: method by budget, mean and 95 % interval.

    With --reference: differences in points, tested. With --target: labels to an accuracy, ratios, area under the curve.
    """
    check_format(format_)
    from bench.store.folder import open_run

    stored = open_run(run)
    if target is not None:
        _table_of_labels(stored, metric, format_, methods, target, reference)
    elif reference is not None:
        _table_of_differences(stored, metric, format_, methods, reference)
    else:
        _table_of_scores(stored, metric, format_, methods)


def _table_of_scores(stored: "StoredRun", metric: str, format_: str, methods: str | None) -> None:
    from bench.show.tables import render, to_latex, to_markdown
    from bench.stats.curves import curves

    if format_ == "csv":
        typer.echo(curves(chosen_records(stored, methods), metric).to_csv(index=False), nl=False)
        return
    comparison = comparison_of(stored, metric, methods)
    console = make_console()
    if format_ == "rich":
        console.print(render(comparison, console.width))
        console.print(_rank_line(stored, metric, methods), style="dim")
    else:
        typer.echo({"markdown": to_markdown, "latex": to_latex}[format_](comparison), nl=False)


def _rank_line(stored: "StoredRun", metric: str, methods: str | None) -> str:
    from bench.stats.ranks import average_ranks
    from bench.stats.seeds import LOWER_IS_BETTER, seed_tables

    tables = seed_tables(chosen_records(stored, methods), metric)
    ranks = average_ranks(tables, lower_is_better=metric in LOWER_IS_BETTER)
    if len(ranks) < 2:
        return ""
    order = sorted(ranks.items(), key=lambda item: item[1])
    return "\nmean rank over budgets and label draws: " + ", ".join(f"{label} {rank:.1f}" for label, rank in order)


def _table_of_differences(stored: "StoredRun", metric: str, format_: str, methods: str | None, reference: str) -> None:
    from bench.show.statistics import differences_grid
    from bench.stats.paired import paired_differences

    tables, bases = _tables_and_references(stored, metric, methods, reference)
    found = paired_differences(tables, bases)
    if not found:
        raise SettingsError(f"--reference {reference} has no budget and label draw in common with another method of the run")
    print_grid(differences_grid(found, reference, sorted({difference.n_labeled for difference in found})), format_)


def _table_of_labels(
    stored: "StoredRun", metric: str, format_: str, methods: str | None, target: float, reference: str | None
) -> None:
    from bench.summary import BOOSTED, efficiency_of

    tables, bases = _tables_and_references(stored, metric, methods, reference or BOOSTED, required=reference is not None)
    print_grid(efficiency_of(tables, target, bases[0] if bases else None), format_)


def _tables_and_references(
    stored: "StoredRun", metric: str, methods: str | None, reference: str, *, required: bool = True
) -> "tuple[list[SeedTable], list[SeedTable]]":
    """Return the seed tables of the chosen methods, and those of the reference: a method's name, or with its K (`soft K=50`)."""
    from bench.stats.seeds import LOWER_IS_BETTER, METRICS, seed_tables

    if metric not in METRICS or metric in LOWER_IS_BETTER:
        raise unknown_name("metric for this table", metric, [name for name in METRICS if name not in LOWER_IS_BETTER])
    every = seed_tables(chosen_records(stored, None), metric)
    bases = [found for found in every if reference in (found.method, found.label)]
    if not bases and required:
        raise unknown_name("method in this run", reference, [found.label for found in every])
    chosen = set(chosen_records(stored, methods)["method"])
    return [found for found in every if found.method in chosen or (found in bases and required)], bases


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", show_default=False)],
    metric: Metric = "accuracy",
    format_: Format = "rich",
    methods: SomeMethods = None,
) -> None:
    """Print several runs in one table; over several data sets also test whether the methods' ranks differ."""
    check_format(format_)
    if len(runs) < 2:
        raise SettingsError(f"compare got 1 run; give two or more, or use `gmvae-bench table {runs[0]}`")
    from bench.show.statistics import runs_grid
    from bench.stats.seeds import seed_tables
    from bench.store.folder import open_run

    opened = [open_run(folder) for folder in runs]
    tables = [seed_tables(chosen_records(stored, methods), metric) for stored in opened]
    about = [
        f"{stored.dataset['name']}, {stored.dataset['n_pool']:,} items, {', '.join(stored.records['model'].dropna().unique())}, "
        f"{stored.config.get('settings', {}).get('epochs', '?')} epochs"
        for stored in opened
    ]
    print_grid(runs_grid(run_names(opened), about, tables, metric), format_)
    names = {str(stored.dataset["name"]) for stored in opened}
    if format_ == "rich" and len(names) >= _MANY_DATASETS and len(names) == len(opened):
        _print_rank_test(tables, metric)


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


def claims(run: RunFolder, format_: Format = "rich") -> None:
    """Put the study's claims beside what a run measured: holds, does not hold, or cannot be judged here, and why."""
    check_format(format_)
    from bench.show.statistics import claims_grid
    from bench.stats.claims import STUDY_COMPONENTS
    from bench.stats.claims import claims as judge_claims
    from bench.store.folder import open_run

    stored = open_run(run)
    gallery = gallery_of(stored)
    sizes = [gallery.sizes(key) for key in gallery.keys if key.n_components == STUDY_COMPONENTS]
    about = str(stored.dataset.get("note") or f"measured on {stored.dataset['name']}, {stored.dataset['n_pool']:,} items")
    print_grid(claims_grid(judge_claims(chosen_records(stored, None), stored.dataset, sizes), about), format_)


def plot(
    run: RunFolder,
    metric: Metric = "accuracy",
    methods: SomeMethods = None,
    figures: Annotated[
        str | None, typer.Option(help="Only these figures, e.g. label-efficiency,confusion. (default: all)", show_default=False)
    ] = None,
    labels: LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures. (default: RUN/figures)", show_default=False)] = None,
) -> None:
    """Draw a run's figures as PNG and SVG: curves, soft against hard, classes, clusters, latent space, coverage, training."""
    from bench.gallery import FIGURES, Drawing, Gallery
    from bench.plan.settings import parse_names
    from bench.store.folder import FIGURES as FOLDER
    from bench.store.folder import open_run

    names = parse_names(figures) if figures is not None else None
    for name in names or ():
        if name not in FIGURES:
            raise unknown_name("figure", name, FIGURES)
    stored = open_run(run)
    records = chosen_records(stored, methods)
    place = out or run / FOLDER
    if metric != "accuracy":
        from bench.show.figures import label_efficiency
        from bench.stats.curves import curves

        figure = label_efficiency(curves(records, metric), stored.dataset, metric)
        _save_figure(Drawing(f"label-efficiency-{metric}", "", figure), place)
        return
    gallery = Gallery(stored, dataset_of(stored, data_dir), records, labels)
    drawn = [_save_figure(drawing, place) for drawing in gallery.draw(names)]
    missing = [name for name in names or () if name not in drawn]
    if missing:
        raise SettingsError(f"{run} has nothing to draw {', '.join(missing)} from: no such methods, models or data")


def _save_figure(drawing: "Drawing", place: Path) -> str:
    for suffix in (".png", ".svg"):
        _save(drawing.figure, place / f"{drawing.name}{suffix}")
    return drawing.name


def explain(
    run: RunFolder,
    sample: Annotated[
        int | None,
        typer.Option(help="Index of the item in the pool. (default: the clearest saved one)", min=0, show_default=False),
    ] = None,
    labels: LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    out: Annotated[Path | None, typer.Option(help="Also save a figure to this file.", dir_okay=False, show_default=False)] = None,
) -> None:
    """Show one item that hard decoding gets wrong and soft decoding right: its clusters, what they mean, both verdicts.

    Chosen is the one with the largest soft score for its class whose first cluster has a name; or give --sample.
    """
    from bench.gallery import Gallery
    from bench.show.explanation import render_explanation
    from bench.store.folder import open_run

    stored = open_run(run)
    dataset = dataset_of(stored, data_dir, needed=True)
    look = Gallery(stored, dataset, chosen_records(stored, None), labels).inspection
    if look is None or dataset is None:
        raise SettingsError(f"{run} holds no trained model; run a method that needs one, e.g. --methods soft,hard")
    if sample is not None and not (sample < len(dataset.pool) and dataset.labels[sample] >= 0):
        raise SettingsError(f"--sample got {sample}, expected an item with a known label, 0 … {len(dataset.pool) - 1:,}")
    item = look.find_saved() if sample is None else sample
    if item is None:
        raise SettingsError(f"with {look.n_labeled:,} labels soft decoding saves no item here; try --labels with another budget")
    found = look.explain(item)
    picture = dataset.pool[item].reshape(dataset.image_shape) if dataset.image_shape else None
    make_console().print(render_explanation(found, picture, dataset.class_names, look.n_labeled))
    if out is not None:
        from bench.show.model_figures import explanation_figure

        _save(explanation_figure(found, picture, dataset.class_names), out)


def coverage(
    run: Annotated[Path | None, typer.Argument(help="Folder of a run, for its own clusters.", show_default=False)] = None,
    components: Annotated[
        int | None, typer.Option(help="K, equal clusters. (default: 100)", min=1, max=100_000, show_default=False)
    ] = None,
    n: Annotated[int | None, typer.Option(help="Items, for percentages. (default: 145,600)", min=1, show_default=False)] = None,
    confidence: Annotated[str, typer.Option(help="Confidences that every cluster has a label.")] = "0.95,0.99",
    labels: Annotated[
        str | None, typer.Option(help="Labels to show the clusters covered for. (default: 73,146,291,728)", show_default=False)
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw clusters covered, to this file.", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Say how many random labels it takes until every cluster has one: for equal clusters, or for those of a run.

    For a run also what its label draws covered, and whether accuracy rose with it.
    """
    from bench.plan.settings import parse_integers

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
    if components or n or labels:
        raise SettingsError("a run has its own clusters, items and budgets; leave out --components, --n and --labels")
    _coverage_of_run(run, confidences, figure)


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
        _save(coverage_figure(components, range(1, 2 * most, max(1, most // 200)), None, (), f"{n:,} items"), figure)


def _coverage_of_run(run: Path, confidences: tuple[float, ...], figure: Path | None) -> None:
    from bench.store.folder import open_run
    from bench.summary import coverage_of, known_labels, observed_of

    stored = open_run(run)
    gallery = gallery_of(stored)
    sizes = {key: gallery.sizes(key) for key in gallery.keys}
    if not sizes:
        raise SettingsError(f"{run} holds no trained model; `gmvae-bench coverage --components K` answers for equal clusters")
    print_grid(coverage_of(sizes, known_labels(stored.dataset), confidences), "rich")
    observed = observed_of(gallery.records, sizes)
    if observed.rows:
        typer.echo()
        print_grid(observed, "rich")
    if figure is not None:
        (drawing,) = gallery.draw(("coverage",))
        _save(drawing.figure, figure)


def _save(figure: "Figure", path: Path) -> None:
    from bench.store.atomic import write_atomically

    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=150))
    typer.echo(path)


def report(
    run: RunFolder,
    labels: LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. (default: RUN/report.html)", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Write one HTML page that needs nothing beside itself: headline, claims, tables, figures, settings, failures."""
    from bench.gallery import Gallery
    from bench.report import make_page
    from bench.show.page import render_page
    from bench.standing import expected_records
    from bench.store.atomic import write_atomically
    from bench.store.folder import REPORT, open_run

    stored = open_run(run)
    page = make_page(
        Gallery(stored, dataset_of(stored, data_dir), chosen_records(stored, None), labels), expected_records(stored)
    )
    path = out or run / REPORT
    html = render_page(page).encode()

    def write(temporary: Path) -> None:
        temporary.write_bytes(html)

    write_atomically(path, write)
    typer.echo(path)


def comparison_of(stored: "StoredRun", metric: str, methods: str | None) -> "Comparison":
    """Compute the comparison table of a run."""
    from bench.stats.comparison import compare as arrange
    from bench.stats.curves import curves

    records = chosen_records(stored, methods)
    return arrange(records, curves(records, metric), stored.dataset, metric)
