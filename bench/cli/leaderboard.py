"""What `suite leaderboard` writes. It needs neither torch nor Ray, and so does not wait for them."""

from pathlib import Path

import typer

from bench.cli.output import save_figure
from bench.show.grid import to_text
from bench.store.atomic import write_text
from bench.suite.figures import FIGURES, figure_of
from bench.suite.open_suite import OpenSuite
from bench.suite.tables import TABLES, Ask, table_of


def write_leaderboard(suite: OpenSuite, folder: Path) -> None:
    """Write every table of a suite in three formats, and every figure, and say where."""
    for name in TABLES:
        grid = table_of(name).make(suite, Ask())
        if grid is None:
            continue
        for format_, suffix in (("markdown", ".md"), ("csv", ".csv"), ("latex", ".tex")):
            write_text(folder / f"{name}{suffix}", to_text(grid, format_))
        typer.echo(folder / f"{name}.md")
    for name in FIGURES:
        module = figure_of(name)
        data = module.data(suite)
        if data is not None:
            figure = module.draw(data)
            save_figure(figure, folder / f"{name}.png")
            # Laid out by now: a second time would take as long as the drawing.
            figure.set_layout_engine("none")
            save_figure(figure, folder / f"{name}.svg")
