"""A run made small enough to publish: its records, settings and histories, without weights, posteriors, paths and hosts."""

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import SettingsError, StoreError
from bench.plan.cells import ModelKey
from bench.reading.open_run import OpenRun, Sizes
from bench.store.atomic import read_json, write_atomically, write_json
from bench.store.folder import CONFIG, DATASET, ENVIRONMENT, StoredRun, check_links
from bench.store.presence import CLUSTERS, MODELS, is_trained, model_folder, model_keys
from bench.store.records import SCHEMA, TABLE
from gmvae.disk import HISTORY, SETTINGS

# Settings that belong to the machine of the run.
_MACHINE_SETTINGS = ("data_dir", "storage", "address")
_KIND_OF_ERROR = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")


@dataclass(frozen=True)
class Exported:
    """What an export holds, and what it could not."""

    n_records: int
    n_models: int
    n_bytes: int
    lost: tuple[str, ...]
    """Incomplete models, which it leaves out."""


def export(run: OpenRun, folder: Path) -> Exported:
    """Write the run to `folder`, where every command that reads records reads it.

    Raises
    ------
    SettingsError
        If it is an export already, or the data needed for the sizes of its clusters are missing.
    StoreError
        If `folder` holds anything but an earlier export of the same run, or cannot be written to.
    """
    if run.stored.exported:
        raise SettingsError(f"{run.folder} is an export already; copy it")
    models, sizes = run.histories, run.sizes(run.models)
    _write(run.stored, models, sizes, folder)
    # From the folders, not the records: methods on clusters of pixels have records of some K, and no model.
    lost = tuple(key.id for key in model_keys(run.folder) if not is_trained(run.folder, key))
    n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Exported(len(run.every), len(models), n_bytes, lost)


def _write(stored: StoredRun, models: Iterable[ModelKey], sizes: Sizes, folder: Path) -> None:
    """Write settings and history of models, with the sizes of the clusters of those that have several."""
    _check_target(folder, stored.config)
    try:
        # Nothing of an earlier export may stay. Records are written last: a folder that has them is complete.
        (folder / TABLE).unlink(missing_ok=True)
        shutil.rmtree(folder / MODELS, ignore_errors=True)
        write_json(folder / CONFIG, _config(stored.config))
        write_json(folder / DATASET, stored.dataset)
        write_json(folder / ENVIRONMENT, read_json(stored.folder / ENVIRONMENT))
        for key in models:
            model_dir = model_folder(folder, key)
            model_dir.mkdir(parents=True)
            write_json(model_dir / SETTINGS, read_json(model_folder(stored.folder, key) / SETTINGS))
            write_atomically(model_dir / HISTORY, partial(_copy, model_folder(stored.folder, key) / HISTORY))
            if key in sizes:
                write_json(model_dir / CLUSTERS, {"sizes": [int(size) for size in sizes[key]]})
        # Texts even if nothing failed: pandas' metadata in the file must not contradict its schema.
        errors = stored.records["error"].map(_kind_of_error, na_action="ignore").astype(stored.records["error"].dtype)
        records = stored.records.assign(host="-", error=errors)
        table = pa.Table.from_pandas(records, schema=SCHEMA, preserve_index=False)
        write_atomically(folder / TABLE, lambda path: pq.write_table(table, path, compression="zstd", compression_level=19))
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot write the export to {folder}: {error.strerror or error}; free space or name another folder"
        ) from error


def _check_target(folder: Path, config: Mapping[str, Any]) -> None:
    check_links(folder)
    if (folder / CONFIG).is_file():
        before = read_json(folder / CONFIG)
        if before.get("exported") and before.get("run_id") == config.get("run_id"):
            return
        what = "an export of another run" if before.get("exported") else "a run, not an export of one"
        raise StoreError(f"{folder} holds {what}; name another folder")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise StoreError(f"{folder} is there and is not an export; name another folder")


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        key: None if key in _MACHINE_SETTINGS else value for key, value in config.get("settings", {}).items()
    }
    if settings.get("data"):
        # A name stays as it is; of a path the last part stays.
        settings["data"] = Path(settings["data"]).name
    return {"run_id": config.get("run_id"), "exported": True, "identity": config["identity"], "settings": settings}


def _kind_of_error(error: str) -> str:
    """Return the kind of an error without its text, which may name anything."""
    kind = _KIND_OF_ERROR.match(error)
    return kind[0] if kind else "failed"


def _copy(source: Path, path: Path) -> None:
    shutil.copyfile(source, path)
