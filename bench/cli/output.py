"""How commands print: tables in the format asked for, notices, and the paths of what they wrote."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench.cli.state import make_console
from bench.errors import unknown_name
from bench.show.grid import FORMATS, Grid, render_grid, to_text
from bench.store.atomic import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_format(format_: str) -> None:
    """Refuse an output format that does not exist, before anything is computed."""
    if format_ not in FORMATS:
        raise unknown_name("format", format_, FORMATS)


def print_grid(grid: Grid, format_: str = "rich") -> None:
    """Print a table in the format asked for."""
    if format_ == "rich":
        console = make_console()
        console.print(render_grid(grid, console.width))
    else:
        typer.echo(to_text(grid, format_), nl=False)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure to a file, and say where."""
    write_figure(figure, path)
    typer.echo(path)
