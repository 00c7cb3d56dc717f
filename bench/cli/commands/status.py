"""`gmvae-bench status`: how far a run is, while it runs or after it stopped."""

import typer

from bench.cli import options
from bench.cli.output import check_format, print_grid
from bench.errors import number_of
from bench.reading.open_run import OpenRun
from bench.reading.status import status_table

_MAX_CAUSES = 5


def status(run: options.RunFolder, format_: options.Format = "rich") -> None:
    """Say how far a run is: cells done, failed and missing, models trained and training, and whether a process works on it."""
    check_format(format_)
    opened = OpenRun(run, empty=True)
    table = status_table(opened)
    print_grid(table.grid, format_)
    if format_ == "rich":
        for method, error, count in table.causes[:_MAX_CAUSES]:
            typer.echo(f"failed: {method}, {number_of(count, 'cell')}: {error}")
        if table.causes and not opened.stored.exported:
            typer.echo("The run's command with --retry-failed runs them again.")
