"""Commands that draw what a run measured and found: `plot`, `explain`, `report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options
from bench.cli.reading import Metric, RunFolder, SomeBudgets, SomeComponents, SomeMethods, chosen_records, dataset_of, save_figure
from bench.cli.state import make_console
from bench.errors import SettingsError, unknown_name

if TYPE_CHECKING:
    from bench.gallery import Drawing

LabelsOfDraw = Annotated[
    int | None,
    typer.Option(help="Labels of the draw to look at. (default: about three per component)", min=1, show_default=False),
]


def plot(
    run: RunFolder,
    metric: Metric = "accuracy",
    methods: SomeMethods = None,
    components: SomeComponents = None,
    figures: Annotated[
        str | None, typer.Option(help="Only these figures, e.g. label-efficiency,confusion. (default: all)", show_default=False)
    ] = None,
    labels: LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures. (default: RUN/figures)", show_default=False)] = None,
) -> None:
    """Draw a run's figures as PNG and SVG: curves, soft against hard, classes, clusters, latent space, coverage, training."""
    from bench.gallery import FIGURES, Drawing, Gallery, curves_figure
    from bench.plan.values import parse_names
    from bench.store.folder import FIGURES as FOLDER
    from bench.store.folder import open_run

    names = parse_names(figures) if figures is not None else None
    for name in names or ():
        if name not in FIGURES:
            raise unknown_name("figure", name, FIGURES)
    stored = open_run(run)
    records = chosen_records(stored, methods, components)
    place = out or run / FOLDER
    if metric != "accuracy":
        figure = curves_figure(Gallery(stored, None, records), metric)
        _save_both(Drawing(f"label-efficiency-{metric}", "", figure), place)
        return
    gallery = Gallery(stored, dataset_of(stored, data_dir), records, labels)
    drawn = [_save_both(drawing, place) for drawing in gallery.draw(names)]
    missing = [name for name in names or () if name not in drawn]
    if missing:
        raise SettingsError(f"{run} has nothing to draw {', '.join(missing)} from: no such methods, models or data")


def _save_both(drawing: "Drawing", place: Path) -> str:
    for suffix in (".png", ".svg"):
        save_figure(drawing.figure, place / f"{drawing.name}{suffix}")
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

        save_figure(explanation_figure(found, picture, dataset.class_names), out)


def report(
    run: RunFolder,
    methods: SomeMethods = None,
    components: SomeComponents = None,
    budgets: SomeBudgets = None,
    labels: LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. (default: RUN/report.html)", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Write one HTML page that needs nothing beside itself: headline, claims, tables, figures, settings, failures.

    Options that choose a part of the run choose it for headline, tables and figures; the claims are judged on all of it.
    """
    from bench.gallery import Gallery
    from bench.report import make_page
    from bench.show.page import render_page
    from bench.standing import expected_records
    from bench.store.atomic import write_atomically
    from bench.store.folder import REPORT, open_run

    stored = open_run(run)
    records = chosen_records(stored, methods, components, budgets)
    page = make_page(Gallery(stored, dataset_of(stored, data_dir), records, labels), expected_records(stored))
    path = out or run / REPORT
    html = render_page(page).encode()

    def write(temporary: Path) -> None:
        temporary.write_bytes(html)

    write_atomically(path, write)
    typer.echo(path)
