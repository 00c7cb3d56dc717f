"""`gmvae-bench export`: a run to publish."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.reading import RunFolder, gallery_of


def export(
    run: RunFolder,
    folder: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    data_dir: options.DataDir = None,
) -> None:
    """Write a run small enough to publish: records, settings, histories, cluster sizes; no weights, places or host names.

    `table`, `compare`, `claims`, `coverage`, `plot` and `report` read it as they read a run.
    """
    from bench.errors import SettingsError
    from bench.store.export import export_run
    from bench.store.folder import open_run
    from bench.store.presence import is_trained, model_keys

    stored = open_run(run)
    if stored.exported:
        raise SettingsError(f"{run} is an export already; copy it")
    gallery = gallery_of(stored, data_dir=data_dir)
    kept = gallery.histories()
    sizes = {key: gallery.sizes(key) for key in gallery.models}
    export_run(stored, kept, sizes, folder)
    # Told from the folders: clusters of pixels have records of some K, and no model.
    lost = [key.id for key in model_keys(run) if not is_trained(run, key)]
    if lost:
        typer.echo(f"not in the export, for they are not whole in {run}: {', '.join(lost)}", err=True)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    typer.echo(f"{len(stored.records):,} records and {len(kept)} models' histories, {size / 1e3:,.0f} kB: {folder}")
