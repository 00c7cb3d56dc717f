"""The user's own data: `.npz` with items and labels, or a CSV or Parquet table with a label column."""

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from bench.data.dataset import Dataset, printable
from bench.errors import DataError
from gmvae.errors import first_line

_ITEM_KEYS = ("x", "X", "images", "data", "features")
_LABEL_KEYS = ("y", "labels", "label", "target", "targets")
_TEST_ITEM_KEYS = ("x_test", "X_test", "test_images", "test_data")
_TEST_LABEL_KEYS = ("y_test", "test_labels", "test_targets")
# Deflate compresses nothing by more than this factor.
_MAX_RATIO = 1100
_MAPPED_BYTES = 256 * 2**20
_UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, NotImplementedError, OverflowError, MemoryError, RuntimeError),
    *(SyntaxError, zipfile.BadZipFile, zlib.error),
)
LABEL_COLUMNS = ("label", "class", "target", "y")
# Names rows; it is no feature.
_ID_COLUMN = "id"


def load(path: Path, label_column: str | None = None) -> Dataset:
    """Read a file whose suffix is in `READERS`.

    An `.npz` holds items under `x` (n, d) or (n, h, w) and labels, if there are any, under `y`: integers with -1, floats with
    NaN, or strings with "" where unknown; optionally `x_test`, `y_test` and `class_names`. A table has one row per item, numbers
    in every column but the label column and one called `id`; without a label column no label is known.
    """
    if not path.is_file():
        raise DataError(f"no file {path}; give a {suffixes()} file, or a name that `gmvae-bench datasets` lists")
    return READERS[path.suffix](path, label_column)


def suffixes() -> str:
    """Return the suffixes of `READERS` for messages and help texts: `.npz, .csv or .parquet`."""
    *others, last = READERS
    return f"{', '.join(others)} or {last}"


def _from_npz(path: Path, _: str | None) -> Dataset:
    if not zipfile.is_zipfile(path) and not _starts_with(path, b"\x93NUMPY"):
        raise DataError(f"{path} cannot be read: it is no .npz archive; write it with numpy.savez(path, x=items, y=labels)")
    try:
        # Opened here: numpy leaves a file open if it is not an archive.
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                _check_sizes(path, file)
            file.seek(0)
            loaded = np.load(file, allow_pickle=False)
            mapped = _map_large(path, file) if zipfile.is_zipfile(file) else {}
            keys = [] if isinstance(loaded, np.ndarray) else loaded.files
            arrays = {key: mapped[key] if key in mapped else loaded[key] for key in keys}
    except DataError:
        raise
    except _UNREADABLE as error:
        why = "it holds pickled objects, which are never read" if "pickle" in str(error).lower() else first_line(error)
        raise DataError(
            f"{path} cannot be read: {why}; write it with numpy.savez(path, x=items, y=labels) from plain arrays"
        ) from error
    items, labels = _pick(path, arrays, _ITEM_KEYS), _find(arrays, _LABEL_KEYS)
    if labels is None:
        labels = np.full(items.shape[:1], -1)
    test, test_labels = _find(arrays, _TEST_ITEM_KEYS), _find(arrays, _TEST_LABEL_KEYS)
    pool, shape = _as_items(path, items)
    given = arrays.get("class_names")
    if given is not None and given.ndim != 1:
        raise DataError(f"{path}: class_names of shape {given.shape}; expected a list of names")
    if (test is None) != (test_labels is None):
        raise DataError(f"{path}: x_test and y_test belong together; give both or neither")
    names = _class_names(labels, test_labels) if given is None else tuple(map(str, given))
    as_codes = given is not None
    return Dataset(
        name=path.stem,
        pool=pool,
        labels=_codes(path, labels, names, as_codes),
        class_names=names,
        image_shape=shape,
        test=None if test is None else _as_items(path, test)[0],
        test_labels=None if test_labels is None else _codes(path, test_labels, names, as_codes),
    )


def _map_large(path: Path, file: BinaryIO) -> dict[str, np.ndarray]:
    """Return the large arrays that `numpy.savez` stored uncompressed, mapped into memory instead of read."""
    mapped: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.compress_type == zipfile.ZIP_STORED and member.file_size >= _MAPPED_BYTES:
                # Skip the local header, whose name and extra field may differ in length from the directory's.
                file.seek(member.header_offset + 26)
                file.seek(member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))))
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, fortran, dtype = read(file)
                if not fortran and not dtype.hasobject:
                    mapped[member.filename.removesuffix(".npy")] = np.memmap(path, dtype, "r", file.tell(), shape)
    return mapped


def _check_sizes(path: Path, file: BinaryIO) -> None:
    """Refuse an archive that claims more than its bytes or this machine can hold: numpy would try to allocate it."""
    claimed = 0
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            # What is mapped is not held in memory.
            is_mapped = member.compress_type == zipfile.ZIP_STORED and member.file_size >= _MAPPED_BYTES
            claimed += 0 if is_mapped else member.file_size
            if member.file_size > _MAX_RATIO * max(member.compress_size, 1):
                raise DataError(
                    f"{path}: {member.filename!r} claims {member.file_size:,} bytes in {member.compress_size:,}; it is broken"
                )
            with archive.open(member) as content:
                version = np.lib.format.read_magic(content)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(content)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise DataError(
                    f"{path}: {member.filename!r} claims shape {shape}, but has {member.file_size:,} bytes; it is broken"
                )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if claimed > memory:
        raise DataError(f"{path} unpacks to {claimed / 2**30:,.1f} GiB; this machine has {memory / 2**30:,.1f} GiB of memory")


def _from_csv(path: Path, label_column: str | None) -> Dataset:
    return _from_table(path, _read(path, pd.read_csv), label_column)


def _from_parquet(path: Path, label_column: str | None) -> Dataset:
    return _from_table(path, _read(path, pd.read_parquet), label_column)


READERS: Mapping[str, Callable[[Path, str | None], Dataset]] = {
    ".npz": _from_npz,
    ".csv": _from_csv,
    ".parquet": _from_parquet,
}
"""By suffix. Each takes the file and the name of its label column, if the user gives one."""


def _read(path: Path, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    try:
        return read(path)
    except _UNREADABLE as error:
        reason = first_line(error)
        raise DataError(f"{path} cannot be read as {path.suffix}: {reason}") from error


def _from_table(path: Path, table: pd.DataFrame, label_column: str | None) -> Dataset:
    column = label_column or next((name for name in LABEL_COLUMNS if name in table.columns), None)
    if column is not None and column not in table.columns:
        raise DataError(f"{path}: no column {column!r} in the table, which --label-column names; it has {_columns(table)}")
    identity = next((name for name in table.columns if str(name).lower() == _ID_COLUMN and name != column), None)
    values = table.drop(columns=[name for name in (column, identity) if name is not None])
    text = [str(name) for name in values.columns if not pd.api.types.is_numeric_dtype(values[name])]
    if text or values.empty:
        raise DataError(f"{path}: columns that are not numbers: {', '.join(text[:5]) or 'there are none'}; encode or drop them")
    labels = np.full(len(table), "")
    if column is not None:
        given = np.asarray(table[column].astype(object).where(table[column].notna(), ""), dtype=object)
        labels = np.array([_clean(value) for value in given], dtype=str)
    names = _class_names(labels, None)
    pool, _ = _as_items(path, values.to_numpy(np.float32))
    ids = None if identity is None else tuple(printable(str(value)) for value in table[identity])
    return Dataset(path.stem, pool, _codes(path, labels, names, as_codes=False), names, ids=ids)


def _columns(table: pd.DataFrame) -> str:
    names = [str(name) for name in table.columns]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _clean(value: object) -> str:
    # A column of whole numbers with gaps arrives as floats: 3.0 is class 3, and -1 is the other way to say "unknown".
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value == -1 else str(value)


def _find(arrays: Mapping[str, np.ndarray], keys: tuple[str, ...]) -> np.ndarray | None:
    return next((arrays[key] for key in keys if key in arrays), None)


def _pick(path: Path, arrays: Mapping[str, np.ndarray], keys: tuple[str, ...]) -> np.ndarray:
    array = _find(arrays, keys)
    if array is None:
        raise DataError(f"{path} holds {', '.join(arrays) or 'no arrays'}; expected an array named {keys[0]!r}")
    return array


def _as_items(path: Path, items: np.ndarray) -> tuple[np.ndarray, tuple[int, int] | None]:
    if items.ndim not in (2, 3) or 0 in items.shape:
        raise DataError(f"{path}: items of shape {items.shape}; expected (n, features) or (n, height, width)")
    if items.dtype.kind not in "uifb":
        raise DataError(f"{path}: items of type {items.dtype}; expected numbers")
    shape = (int(items.shape[1]), int(items.shape[2])) if items.ndim == 3 else None
    flat = items.reshape(len(items), -1)
    # Bytes mean 0-255, but a mask of zeros and ones is already in [0, 1].
    is_grey = flat.dtype == np.uint8 and flat.max() > 1
    return (flat if is_grey else flat.astype(np.float32)), shape


def _known(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind == "f":
        return np.asarray(np.isfinite(labels) & (labels >= 0))
    return np.asarray(labels >= 0) if labels.dtype.kind in "iu" else np.asarray(labels != "")


def _class_names(labels: np.ndarray, test_labels: np.ndarray | None) -> tuple[str, ...]:
    """Names of the distinct classes, sorted as numbers where they are numbers."""
    parts = [part[_known(part)] for part in (labels, test_labels) if part is not None]
    values = np.unique(np.concatenate(parts)) if parts else np.array([])
    if values.dtype.kind == "f":
        values = values.astype(np.int64) if (values == np.round(values)).all() else values
    names = [str(value) for value in values]
    return tuple(sorted(names, key=int) if all(name.isdecimal() for name in names) else names)


def _codes(path: Path, labels: np.ndarray, names: tuple[str, ...], as_codes: bool) -> np.ndarray:
    """Turn labels into codes 0 … L-1; with `as_codes` they already are codes into given names."""
    if labels.ndim != 1 or labels.dtype.kind not in "iufU":
        raise DataError(f"{path}: labels of shape {labels.shape} and type {labels.dtype}; expected one integer or text per item")
    known = _known(labels)
    codes = np.full(len(labels), -1, np.int64)
    values = labels[known]
    if labels.dtype.kind == "f" and not (values == np.round(values)).all():
        broken = values[values != np.round(values)][0]
        raise DataError(f"{path}: labels such as {broken} are not whole numbers; expected classes, not a quantity")
    if as_codes and labels.dtype.kind != "U":
        codes[known] = values.astype(np.int64)
        return codes
    code_of = {name: code for code, name in enumerate(names)}
    as_text = [str(int(value)) if labels.dtype.kind in "iuf" else str(value) for value in values]
    unknown = sorted(set(as_text) - set(code_of))
    if unknown:
        raise DataError(f"{path}: labels {', '.join(unknown[:5])} are not among class_names")
    codes[known] = [code_of[value] for value in as_text]
    return codes
