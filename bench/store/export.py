"""A run made small enough to publish: its records, settings and histories, without weights, posteriors, places and hosts."""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from bench.errors import StoreError
from bench.plan.cells import ModelKey
from bench.store.atomic import read_json, write_atomically, write_json
from bench.store.folder import CONFIG, DATASET, ENVIRONMENT, StoredRun, check_claim
from bench.store.presence import CLUSTERS, model_folder
from bench.store.records import SCHEMA, TABLE
from gmvae.disk import HISTORY, SETTINGS

# Settings that name places of the machine that the run was made on.
_PLACES = ("data_dir", "storage", "address")


def export_run(stored: StoredRun, sizes: Mapping[ModelKey, Int[np.ndarray, " k"]], folder: Path) -> None:
    """Write the run to `folder`, where every command that reads records reads it.

    Parameters
    ----------
    sizes
        Items per cluster of every model, which coverage is computed from.

    Raises
    ------
    StoreError
        If `folder` holds anything but an earlier export of the same run, or cannot be written to.
    """
    before = check_claim(folder, stored.config["identity"])
    if before and not before.get("exported"):
        raise StoreError(f"{folder} holds a run, not an export of one; name another folder")
    write_json(folder / CONFIG, _config(stored.config))
    write_json(folder / DATASET, stored.dataset)
    write_json(folder / ENVIRONMENT, read_json(stored.folder / ENVIRONMENT))
    for key, of_model in sizes.items():
        place = model_folder(folder, key)
        place.mkdir(parents=True, exist_ok=True)
        for name in (SETTINGS, HISTORY):
            write_atomically(place / name, partial(_copy, model_folder(stored.folder, key) / name))
        write_json(place / CLUSTERS, {"sizes": [int(size) for size in of_model]})
    table = pa.Table.from_pandas(stored.records.assign(host="-"), schema=SCHEMA, preserve_index=False)
    # Last: a folder that has records is whole.
    write_atomically(folder / TABLE, lambda path: pq.write_table(table, path, compression="zstd", compression_level=19))


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {key: None if key in _PLACES else value for key, value in config.get("settings", {}).items()}
    if settings.get("data"):
        # A name stays as it is; of a file or folder its own name stays.
        settings["data"] = Path(settings["data"]).name
    return {"run_id": config.get("run_id"), "exported": True, "identity": config["identity"], "settings": settings}


def _copy(source: Path, path: Path) -> None:
    shutil.copyfile(source, path)
