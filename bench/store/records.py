"""Records on disk: batches are added as small files, and merged into one table on the cell key."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import StoreError
from bench.judge.methods import METHODS, PLAIN_VAE, all_methods
from bench.judge.record import Record
from bench.plan.cells import Cell, CellKey
from bench.plan.samplers import RANDOM, SAMPLERS, all_samplers
from bench.plugins import available
from bench.store.atomic import write_atomically
from bench.store.predictions import append_predictions, merge_predictions
from bench.wording import printable
from gmvae.errors import first_line

TABLE, PARTS, BROKEN = "records.parquet", "records.parts", ".broken"
CELL_ID = "cell_id"
# Columns that records of earlier versions lack.
_LATER = (
    *(CELL_ID, "selection", "selection_labels", "shown", "cpu_seconds", "view_cpu_seconds", "peak_bytes", "needs", "oracle"),
    *("pretrained", "models", "supervision"),
)
KEY = ("method", "n_components", "model_seed", "sampler", "n_labeled", "label_seed", "supervision")
_STATE = (*KEY, CELL_ID, "status")
# What is filled in for readers, and what from.
_TRAITS = ("needs", "oracle", "model")
_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _arrow_type(annotation: object) -> pa.DataType:
    return next((arrow for python, arrow in _ARROW.items() if python.__name__ in str(annotation)), pa.string())


_ELSEWHERE = ("predictions",)
SCHEMA = pa.schema([pa.field(one.name, _arrow_type(one.type)) for one in fields(Record) if one.name not in _ELSEWHERE])
# An identity is compared, never shown; there are as many as records.
_TEXTS = [field.name for field in SCHEMA if field.type == pa.string() and field.name != CELL_ID]


class BrokenRecordsError(StoreError):
    """A file of records that is cut short or damaged, not one of another version."""


def append_records(folder: Path, records: Iterable[Record]) -> None:
    """Add a batch of records, and the predictions that they hold; it is on disk when this returns."""
    records = list(records)
    # First: a finished cell never lacks its predictions.
    append_predictions(folder, [(one.cell_id, one.predictions) for one in records if one.cell_id and one.predictions is not None])
    table = pa.Table.from_pylist([asdict(record) for record in records], schema=SCHEMA)
    if table.num_rows:
        write_atomically(folder / PARTS / f"{uuid.uuid4().hex}.parquet", lambda path: pq.write_table(table, path))


def read_records(folder: Path, *, tolerant: bool = False, columns: Collection[str] | None = None) -> pd.DataFrame:
    """Return all records of a run, one row per cell: a finished one, else the latest; of its latest identity if it has several.

    Columns that may be empty have pandas' nullable types. Texts are safe to show in a terminal.

    Parameters
    ----------
    tolerant
        Whether to leave out broken files, for commands that only read.
    columns
        Those that are wanted, for commands that look at very many records; `None` for all.

    Raises
    ------
    StoreError
        If a file is broken or has other columns.
    """
    wanted = None if columns is None else (*columns, *_TRAITS)
    return _with_traits(stored_records(folder, tolerant=tolerant, columns=wanted))


def stored_records(folder: Path, *, tolerant: bool = False, columns: Collection[str] | None = None) -> pd.DataFrame:
    """Return the records as they are stored, without what is filled in for readers.

    `columns` names those that are wanted besides the ones that identify a cell and its state; `None` for all.
    """
    schema = SCHEMA if columns is None else pa.schema([field for field in SCHEMA if field.name in {*_STATE, *columns}])
    tables = _read_tables(folder, schema, tolerant=tolerant)
    frame: pd.DataFrame = pa.concat_tables(tables or [schema.empty_table()]).to_pandas(types_mapper=_nullable)
    if len(tables) != 1 or any((folder / PARTS).glob("[!.]*.parquet")):
        # A table alone is what an earlier merge wrote: one row per cell, in order.
        frame = _one_per_cell(frame)
    for name in (name for name in _TEXTS if name in schema.names):
        odd = {text: printable(text) for text in frame[name].dropna().unique() if not text.isprintable()}
        if odd:
            frame[name] = frame[name].replace(odd)
    return frame


def united(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the records of several folders of one run, one row per cell: a finished one, else that of the last folder."""
    return _one_per_cell(pd.concat([frame.reset_index(drop=True) for frame in frames], ignore_index=True))


def _one_per_cell(frame: pd.DataFrame) -> pd.DataFrame:
    # A method of another version, for example, gives the same cell of the grid another identity.
    cell, identity = frame.groupby(list(KEY), dropna=False, sort=False).ngroup(), frame[CELL_ID].fillna("")
    frame = frame[identity == identity.groupby(cell).transform("last")].copy()
    frame["_finished"] = frame["status"] == "ok"
    frame = frame.sort_values("_finished", kind="stable").drop_duplicates(list(KEY), keep="last")
    return frame.drop(columns="_finished").sort_values(list(KEY), kind="stable", ignore_index=True)


def broken_files(folder: Path) -> list[Path]:
    """Return files of records that cannot be read."""
    broken = []
    for path in (folder / TABLE, *sorted((folder / PARTS).glob("[!.]*.parquet"))):
        try:
            if path.is_file():
                _read_table(path)
        except BrokenRecordsError:
            broken.append(path)
        except FileNotFoundError:
            # Merged away meanwhile.
            continue
    return broken


def set_broken_aside(folder: Path) -> list[Path]:
    """Give files of records that cannot be read another name, so that their cells are judged again; return the new names."""
    renamed = []
    for path in broken_files(folder):
        aside = folder / f"{path.name}-{uuid.uuid4().hex[:4]}{BROKEN}"
        path.replace(aside)
        renamed.append(aside)
    return renamed


def merge_records(folder: Path) -> None:
    """Merge all batches into `records.parquet`; a crash in between loses and doubles nothing."""
    merge_predictions(folder)
    merged = list((folder / PARTS).glob("[!.]*.parquet"))
    # As they are: what is filled in for a reader here must not become what the record says.
    frame = stored_records(folder)
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
    write_atomically(folder / TABLE, lambda path: pq.write_table(table, path))
    for path in merged:
        path.unlink(missing_ok=True)
    if (folder / PARTS).is_dir() and not any((folder / PARTS).iterdir()):
        (folder / PARTS).rmdir()


def status_of(frame: pd.DataFrame, identities: Mapping[CellKey, str | None]) -> dict[CellKey, str]:
    """Return the status of those cells that have a record which counts, given the identity of each (`bench.judge.identity`).

    A record from before there were identities counts by its key alone, as any does if the identity is not known.
    """
    records = zip(record_keys(frame), frame[CELL_ID].fillna(""), frame["status"], strict=True)
    return {
        key: str(status)
        for key, identity, status in records
        if key in identities and (identities[key] is None or identity in ("", identities[key]))
    }


def failures(frame: pd.DataFrame, cells: Iterable[Cell]) -> pd.DataFrame:
    """Return those records of the given cells that are not `ok`."""
    failed = frame[frame["status"] != "ok"]
    wanted = {cell.key for cell in cells}
    # An array: pandas reads an empty list as one of columns.
    return failed[np.array([key in wanted for key in record_keys(failed)], dtype=bool)]


def record_keys(frame: pd.DataFrame) -> list[CellKey]:
    """Return `Cell.key` of every record."""
    # Column by column: rows of pandas' nullable types take ten times as long.
    texts = (frame[name].astype(object).where(frame[name].notna(), "").tolist() for name in ("method", "sampler", "supervision"))
    numbers = (
        frame[name].to_numpy(int, na_value=-1).tolist() for name in ("n_components", "model_seed", "n_labeled", "label_seed")
    )
    (method, sampler, supervision), (k, seed, n_labeled, label_seed) = texts, numbers
    return list(zip(method, k, seed, sampler, n_labeled, label_seed, supervision, strict=True))


def _with_traits(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill in what records of earlier versions do not say about their method and sampler.

    What later records of the same name say comes first, then what is installed here, then a guess from the other columns.
    """
    frame = frame.copy()
    methods, samplers = available(all_methods, METHODS), available(all_samplers, SAMPLERS)
    needs = {name: method.needs for name, method in methods.items()} | _said(frame, "method", "needs")
    for method, records in frame[frame["needs"].isna()].groupby("method"):
        frame.loc[records.index, "needs"] = needs.get(str(method)) or _guess(records)
    oracles = {name: sampler.oracle for name, sampler in samplers.items()} | _said(frame, "sampler", "oracle")
    unsaid = frame["oracle"].isna()
    if unsaid.any():
        known = frame.loc[unsaid, "sampler"].map(lambda name: oracles.get(name, False)).astype("boolean")
        frame.loc[unsaid, "oracle"] = known
    return frame


def _said(frame: pd.DataFrame, name: str, trait: str) -> dict[str, Any]:
    said = frame[[name, trait]].dropna().drop_duplicates(name, keep="last")
    return dict(zip(said[name], said[trait], strict=True))


def _guess(records: pd.DataFrame) -> str:
    models = records["model"].dropna()
    if len(models):
        return "vae" if models.iloc[0] == PLAIN_VAE else "model"
    # Chosen items give every record a clustering; random ones only where the method has one.
    random = records[records["sampler"] == RANDOM]
    return "clusters" if len(random) and random["n_components"].notna().any() else "nothing"


def _read_tables(folder: Path, schema: pa.Schema, *, tolerant: bool) -> list[pa.Table]:
    def read(path: Path) -> list[pa.Table]:
        try:
            return [_read_table(path, schema)]
        except FileNotFoundError:
            # Another process merges its batches, one after another: this one is in the table by now.
            return []
        except BrokenRecordsError:
            if not tolerant:
                raise
            return []

    # Batches before the table: one that is merged in between is then read there, or twice, which is harmless, and never missed.
    parts = sorted((folder / PARTS).glob("[!.]*.parquet"), key=_written)
    batches = [table for path in parts for table in read(path)]
    return [*read(folder / TABLE), *batches]


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read_table(path: Path, schema: pa.Schema = SCHEMA) -> pa.Table:
    try:
        # Read here: pyarrow takes no name that is not UTF-8.
        content = pa.BufferReader(path.read_bytes())
        names = pq.read_schema(content).names
        content.seek(0)
        table = pq.read_table(content, columns=[name for name in schema.names if name in names])
        # Refuses invalid texts, and other contents that do not fit their types.
        table.validate(full=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, FileNotFoundError):
            # Merged away by another process, not broken: the caller looks again.
            raise
        if isinstance(error, OSError) and error.errno is not None:
            # The disk or network failed, not the file.
            raise StoreError(f"{path} cannot be read: {first_line(error)}; try again when it can") from error
        raise BrokenRecordsError(
            f"{path} is broken ({first_line(error)}); the run's command sets it aside and runs its cells again"
        ) from error
    for name in _LATER:
        if name in schema.names and name not in names:
            table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise StoreError(f"{path} lacks the columns {', '.join(missing[:5])}; it was written by another version")
    try:
        return table.select(schema.names).cast(schema)
    except (ValueError, pa.ArrowException) as error:
        raise StoreError(f"{path} has columns of other types ({first_line(error)}); it was written by another version") from error


def _nullable(arrow: pa.DataType) -> object:
    types = {
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.string(): pd.StringDtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return types.get(arrow)
