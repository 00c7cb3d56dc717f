"""`gmvae-bench export`: a run to publish."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.state import tell
from bench.errors import number_of
from bench.reading.export import export as export_run
from bench.reading.open_run import OpenRun


def export(
    run: options.RunFolder,
    folder: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    data_dir: options.DataDir = None,
) -> None:
    """Write a run small enough to publish: records, settings, histories, cluster sizes; no weights, paths or host names.

    `table`, `compare`, `claims`, `coverage`, `plot` and `report` read it as they read a run.
    """
    exported = export_run(OpenRun(run, data_dir=data_dir, tell=tell), folder)
    if exported.lost:
        tell(f"not in the export, because they are incomplete in {run}: {', '.join(exported.lost)}")
    typer.echo(
        f"{number_of(exported.n_records, 'record')} and "
        f"{number_of(exported.n_models, 'training history', 'training histories')}, "
        f"{exported.n_bytes / 1e3:,.0f} kB: {folder}"
    )
