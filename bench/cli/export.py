"""`gmvae-bench export`: a run to publish."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.reading import RunFolder, gallery_of


def export(run: RunFolder, folder: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)]) -> None:
    """Write a run small enough to publish: records, settings, histories, cluster sizes; no weights, places or host names.

    `table`, `compare`, `claims`, `coverage`, `plot` and `report` read it as they read a run.
    """
    from bench.store.export import export_run
    from bench.store.folder import open_run

    stored = open_run(run)
    gallery = gallery_of(stored)
    export_run(stored, {key: gallery.sizes(key) for key in gallery.models}, folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    typer.echo(f"{len(stored.records):,} records and {len(gallery.models)} models' histories, {size / 1e3:,.0f} kB: {folder}")
