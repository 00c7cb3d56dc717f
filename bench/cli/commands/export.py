"""`gmvae-bench export`: a run or a suite to publish."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import completion, options
from bench.cli.state import tell
from bench.errors import number_of
from bench.reading.export import Exported
from bench.reading.export import export as export_run
from bench.reading.open_run import OpenRun
from bench.suite.export import export_suite
from bench.suite.store import is_suite, open_suite


def export(
    run: Annotated[
        Path, typer.Argument(help="Folder of a run or of a suite.", show_default=False, autocompletion=completion.results)
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    data_dir: options.DataDir = None,
) -> None:
    """Write a run or a suite small enough to publish: records, histories, cluster sizes; no weights, paths or host names.

    `table`, `compare`, `claims`, `coverage`, `plot` and `report` read it as they read a run; `suite table`, `suite report` and
    `suite leaderboard` as they read a suite.
    """
    if is_suite(run):
        _tell_of(export_suite(open_suite(run), folder, data_dir=data_dir, tell=tell), run, folder)
    else:
        _tell_of({"": export_run(OpenRun(run, data_dir=data_dir, tell=tell), folder)}, run, folder)


def _tell_of(exported: Mapping[str, Exported], run: Path, folder: Path) -> None:
    for name, one in exported.items():
        if one.lost:
            tell(f"not in the export, because they are incomplete in {run / name}: {', '.join(one.lost)}")
    n_models = sum(one.n_models for one in exported.values())
    typer.echo(
        f"{number_of(sum(one.n_records for one in exported.values()), 'record')} and "
        f"{number_of(n_models, 'training history', 'training histories')}, "
        f"{sum(one.n_bytes for one in exported.values()) / 1e3:,.0f} kB: {folder}"
    )
