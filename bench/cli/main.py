"""The command `gmvae-bench`. Heavy imports wait inside commands, so that `--help` answers at once."""

import sys
from typing import Annotated

import typer

from bench.cli.coverage import coverage
from bench.cli.drawings import explain, plot, report
from bench.cli.export import export
from bench.cli.labelling import label, select
from bench.cli.listing import datasets, methods
from bench.cli.run import run
from bench.cli.search import search
from bench.cli.speed import speed
from bench.cli.state import STATE
from bench.cli.status import status
from bench.cli.tables import claims, compare, table
from bench.errors import BenchError
from gmvae.errors import GMVAEError

EXIT_USER_ERROR = 2

app = typer.Typer(
    name="gmvae-bench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How many labels turn clusters found without labels into a classifier, "
    "and how does that compare with learners that start from nothing?",
    epilog="Exit codes: 0 done, 1 some cells failed, 2 the input is wrong, 130 interrupted.",
)
for command in (
    run,
    search,
    status,
    table,
    compare,
    claims,
    plot,
    explain,
    report,
    export,
    coverage,
    select,
    label,
    speed,
    methods,
    datasets,
):
    app.command()(command)


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False) -> None:
    """Take the options that hold for every command."""
    STATE.debug = debug


def main() -> None:
    """Run the command line and turn the project's errors into one or two lines and exit code 2."""
    try:
        app()
    except (BenchError, GMVAEError) as error:
        if STATE.debug:
            raise
        sys.stderr.write(f"gmvae-bench: {error}\n")
        sys.exit(EXIT_USER_ERROR)


if __name__ == "__main__":
    main()
