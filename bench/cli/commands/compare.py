"""`gmvae-bench compare`: several runs in one table."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.output import check_format, print_grid
from bench.errors import SettingsError
from bench.reading.compare import compare as compare_runs
from bench.reading.open_run import OpenRun
from bench.reading.part import Part


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", show_default=False)],
    metric: options.Metric = "accuracy",
    format_: options.Format = "rich",
    methods: options.SomeMethods = None,
    components: options.SomeComponents = None,
) -> None:
    """Print several runs in one table; over several data sets also test whether the methods' ranks differ."""
    check_format(format_)
    if len(runs) < 2:
        raise SettingsError(f"compare got 1 run; give two or more, or use `gmvae-bench table {runs[0]}`")
    opened = [OpenRun(folder, Part(methods, components)) for folder in runs]
    for run in opened:
        try:
            run.records  # noqa: B018 - refuses a part that the run does not have
        except SettingsError as error:
            raise SettingsError(f"{run.folder}: {error}") from error
    print_grid(compare_runs(opened, metric), format_)
