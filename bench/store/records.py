"""Records on disk: batches are added as small files, and merged into one table on the cell key."""

import uuid
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import StoreError
from bench.judge.record import Record
from bench.plan.cells import Cell
from bench.store.atomic import write_atomically

TABLE, PARTS = "records.parquet", "records.parts"
KEY = ("method", "n_components", "model_seed", "sampler", "n_labeled", "label_seed")
_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64()}


def _arrow_type(annotation: object) -> pa.DataType:
    return next((arrow for python, arrow in _ARROW.items() if python.__name__ in str(annotation)), pa.string())


SCHEMA = pa.schema([pa.field(field.name, _arrow_type(field.type)) for field in fields(Record)])


def append_records(folder: Path, records: Iterable[Record]) -> None:
    """Add a batch of records; it is on disk when this returns."""
    table = pa.Table.from_pylist([asdict(record) for record in records], schema=SCHEMA)
    if table.num_rows:
        write_atomically(folder / PARTS / f"{uuid.uuid4().hex}.parquet", lambda path: pq.write_table(table, path))


def read_records(folder: Path) -> pd.DataFrame:
    """Return all records of a run, one row per cell; of several for one cell a finished one wins, else the latest.

    Columns that may be empty have pandas' nullable types.

    Raises
    ------
    StoreError
        If a file is broken or has other columns.
    """
    try:
        tables = _read_tables(folder)
    except FileNotFoundError:
        # Another process has just merged its batches into the table: everything is in there now.
        tables = _read_tables(folder)
    frame: pd.DataFrame = pa.concat_tables(tables or [SCHEMA.empty_table()]).to_pandas(types_mapper=_nullable)
    frame["_finished"] = frame["status"] == "ok"
    frame = frame.sort_values("_finished", kind="stable").drop_duplicates(list(KEY), keep="last")
    return frame.drop(columns="_finished").sort_values(list(KEY), kind="stable", ignore_index=True)


def merge_records(folder: Path) -> pd.DataFrame:
    """Merge all batches into `records.parquet` and return the records; a crash in between loses and doubles nothing."""
    merged = list((folder / PARTS).glob("[!.]*.parquet"))
    frame = read_records(folder)
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
    write_atomically(folder / TABLE, lambda path: pq.write_table(table, path))
    for path in merged:
        path.unlink(missing_ok=True)
    if (folder / PARTS).is_dir() and not any((folder / PARTS).iterdir()):
        (folder / PARTS).rmdir()
    return frame


def finished_keys(frame: pd.DataFrame) -> set[tuple[str, int, int, str, int, int]]:
    """Return the keys (`Cell.key`) of the cells that have an `ok` record."""
    return set(_keys(frame[frame["status"] == "ok"]))


def failed_records(frame: pd.DataFrame, cells: Iterable[Cell]) -> pd.DataFrame:
    """Return those records of the given cells that are not `ok`."""
    failed = frame[frame["status"] != "ok"]
    wanted = {cell.key for cell in cells}
    return failed[[key in wanted for key in _keys(failed)]]


def _keys(frame: pd.DataFrame) -> list[tuple[str, int, int, str, int, int]]:
    filled = frame[list(KEY)].fillna({"n_components": -1, "model_seed": -1})
    return [
        (str(method), int(k), int(seed), str(sampler), int(n), int(label_seed))
        for method, k, seed, sampler, n, label_seed in filled.itertuples(index=False)
    ]


def _read_tables(folder: Path) -> list[pa.Table]:
    # Batches before the table: one that is merged in between is then read twice, which is harmless, and never missed.
    parts = sorted((folder / PARTS).glob("[!.]*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    tables = [_read_table(path) for path in parts]
    return [_read_table(folder / TABLE), *tables] if (folder / TABLE).exists() else tables


def _read_table(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        # Merged away by another process, not broken: the caller looks again.
        raise
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{path} is broken ({str(error).splitlines()[0]}); delete it and repeat the command to run its cells again"
        ) from error
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise StoreError(f"{path} lacks the columns {', '.join(missing[:5])}; it was written by another version")
    try:
        return table.select(SCHEMA.names).cast(SCHEMA)
    except pa.ArrowException as error:
        raise StoreError(
            f"{path} has columns of other types ({str(error).splitlines()[0]}); it was written by another version"
        ) from error


def _nullable(arrow: pa.DataType) -> object:
    return {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype()}.get(arrow)
