"""`gmvae-bench plot`: a run's figures."""

from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure

from bench.cli import completion, options
from bench.cli.output import save_figure
from bench.cli.state import tell
from bench.errors import SettingsError
from bench.plan.values import parse_names
from bench.reading.figures import drawings, figure_of, label_efficiency
from bench.reading.open_run import OpenRun
from bench.reading.part import Part
from bench.show.axes import fit_width
from bench.store.folder import FIGURES

SUFFIXES = (".png", ".svg", ".pdf")


def plot(
    run: options.RunFolder,
    metric: options.Metric = "accuracy",
    methods: options.SomeMethods = None,
    components: options.SomeComponents = None,
    figures: Annotated[
        str | None,
        typer.Option(
            help="Only these figures, e.g. label-efficiency,confusion. (default: all)",
            metavar="NAME,…",
            autocompletion=completion.figures,
            show_default=False,
        ),
    ] = None,
    supervision: options.Supervision = None,
    labels: options.LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    width: Annotated[
        float | None,
        typer.Option(
            help="Of every figure in inches, e.g. 3.3 for a column of a paper; letters shrink less. (default: as drawn, 7 to 11)",
            min=1.5,
            max=40,
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures. (default: RUN/figures)", show_default=False)] = None,
) -> None:
    """Draw a run's figures as PNG, SVG and PDF: curves, soft against hard, classes, clusters, latent space, coverage, training.

    All of them are about one K: the one that most methods of the run have, or what --components says.
    """
    names = parse_names(figures) if figures is not None else None
    for name in names or ():
        figure_of(name)
    folder = out or run / FIGURES
    opened = OpenRun(
        run, Part(methods, components, supervision=supervision), data_dir=data_dir, n_labeled=labels, tell=tell, lenient=True
    )
    if metric != "accuracy":
        _save(f"label-efficiency-{metric}", label_efficiency.draw(label_efficiency.data(opened, metric)), folder, width)
        return
    drawn = set()
    for drawing in drawings(opened, names):
        _save(drawing.name, drawing.figure, folder, width)
        drawn.add(drawing.name)
    missing = [name for name in names or () if name not in drawn]
    if missing:
        raise SettingsError(f"{run} has nothing to draw {', '.join(missing)} from: no such methods, models or data")


def _save(name: str, figure: Figure, folder: Path, width: float | None) -> None:
    if width is not None:
        fit_width(figure, width)
    for suffix in SUFFIXES:
        save_figure(figure, folder / f"{name}{suffix}")
