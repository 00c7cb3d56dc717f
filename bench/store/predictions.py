"""What methods said of every item, kept if a run is asked to: a new metric then needs no new run.

`predictions/` holds Parquet files with the columns `cell_id` and `classes`: the class of each item of the pool, in its order, one
or two bytes each; the largest value where the item's label was shown to the method.
"""

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from bench.errors import StoreError
from bench.judge.predictions import unpacked
from bench.store.atomic import write_atomically
from gmvae.errors import first_line

PREDICTIONS = "predictions"
_SCHEMA = pa.schema([("cell_id", pa.string()), ("classes", pa.binary())])
_ROWS = 256


def append_predictions(folder: Path, of_cells: Iterable[tuple[str, bytes]]) -> None:
    """Add what was said of every item in some cells; it is on disk when this returns."""
    rows = list(of_cells)
    if rows:
        table = pa.table({"cell_id": [name for name, _ in rows], "classes": [classes for _, classes in rows]}, schema=_SCHEMA)
        path = folder / PREDICTIONS / f"{uuid.uuid4().hex}.parquet"
        write_atomically(path, lambda file: pq.write_table(table, file, compression="zstd"))


def merge_predictions(folder: Path, *others: Path) -> None:
    """Write all files of a run, and those of others, as one, a few rows at a time; a crash in between loses nothing.

    A file that is cut short gets another name.
    """
    for path in _files(folder):
        if not _is_whole(path):
            # Its cells keep their records.
            path.replace(path.with_suffix(".broken"))
    own = _files(folder)
    merged = [*own, *(path for other in others for path in _files(other) if _is_whole(path))]
    if merged and merged != own[:1]:
        write_atomically(folder / PREDICTIONS / f"{uuid.uuid4().hex}.parquet", lambda path: _write_all(merged, path))
        for path in own:
            path.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    try:
        return bool(pq.read_schema(path).equals(_SCHEMA))
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            # The disk or network failed, not the file.
            raise StoreError(f"{path} cannot be read: {first_line(error)}; try again when it can") from error
        return False


def _write_all(paths: Iterable[Path], target: Path) -> None:
    with pq.ParquetWriter(target, _SCHEMA, compression="zstd") as writer:
        for path in paths:
            for batch in pq.ParquetFile(path).iter_batches(_ROWS):
                writer.write_batch(batch)


def read_predictions(folder: Path, n_items: int) -> Iterator[tuple[str, Int[np.ndarray, " n"]]]:
    """Yield the identity of each cell with its classes, -1 for items whose label was shown; the last one of a cell counts.

    Raises
    ------
    StoreError
        If a file is broken.
    """
    for path in _files(folder):
        try:
            for batch in pq.ParquetFile(path).iter_batches(_ROWS):
                for name, classes in zip(batch["cell_id"].to_pylist(), batch["classes"].to_pylist(), strict=True):
                    yield name, unpacked(classes, n_items)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path} is broken ({first_line(error)}); delete it: its cells keep their records") from error


def _files(folder: Path) -> list[Path]:
    return sorted((folder / PREDICTIONS).glob("[!.]*.parquet"), key=lambda path: path.stat().st_mtime_ns)
