"""`gmvae-bench report`: a run on one page."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.state import stage, tell
from bench.reading.open_run import OpenRun
from bench.reading.part import Part
from bench.reading.report import make_page
from bench.show.page import render_page
from bench.store.atomic import write_text
from bench.store.folder import REPORT


def report(
    run: options.RunFolder,
    methods: options.SomeMethods = None,
    components: options.SomeComponents = None,
    budgets: options.SomeBudgets = None,
    supervision: options.Supervision = None,
    labels: options.LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write. (default: RUN/report.html)", dir_okay=False, show_default=False)
    ] = None,
) -> None:
    """Write one self-contained HTML page: which method, how many labels, how sure, what next; everything else opens below.

    Options that select a part of the run affect answer, tables and figures; the paper's claims are judged on the whole run.
    """
    opened = OpenRun(
        run, Part(methods, components, budgets, supervision), data_dir=data_dir, n_labeled=labels, tell=tell, lenient=True
    )
    path = out or run / REPORT
    with stage("computing tables and drawing figures (half a minute)", piped=True):
        write_text(path, render_page(make_page(opened)))
    typer.echo(path)
