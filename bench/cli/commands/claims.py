"""`gmvae-bench claims`: the paper's claims beside what a run measured."""

from bench.cli import options
from bench.cli.output import check_format, print_grid
from bench.cli.state import tell
from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.reading.tables.claims import make


def claims(run: options.RunFolder, format_: options.Format = "rich", data_dir: options.DataDir = None) -> None:
    """Put the paper's claims beside what a run measured: holds, does not hold, or cannot be judged here, and why."""
    check_format(format_)
    print_grid(make(OpenRun(run, data_dir=data_dir, tell=tell), Ask()), format_)
