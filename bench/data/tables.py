"""Tables: a row per item, read in blocks, with each column as what it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from bench.data.arrays import PRETRAINED
from bench.data.columns import as_logarithms, as_option, assign_roles, check_options, ignored, name_roles, says_role
from bench.data.dataset import Dataset
from bench.data.delimited import Delimited, opened, plain_stem, plain_suffix, refuse_short_rows, sniff
from bench.data.features import Column, Feature, fit_feature
from bench.data.frames import Frame, stacked
from bench.data.labels import Labels, read_labels, written_numbers
from bench.data.new_columns import Moments, Raw
from bench.data.pictures import suffixes
from bench.data.reading import Progress, Reading, Rows
from bench.data.suspects import check_leaks, refuse_texts
from bench.data.texts import Texts, joined, texts_of
from bench.data.understood import tell_table
from bench.errors import DataError, number_of
from bench.wording import printable
from gmvae.errors import first_line

DELIMITED = frozenset({".csv", ".tsv", ".txt"})
ARROW = frozenset({".parquet", ".pq", ".feather", ".arrow"})
_ROWS = 50_000
_READ_BYTES = 2**26
# What pandas takes for a gap in columns of numbers; label and id columns are read as they are written.
_GAPS = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
    *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]


def is_table(path: Path) -> bool:
    """Return whether a path is a table: a file of one, or a folder of Parquet."""
    if path.is_dir():
        # Among pictures a table is something about them.
        return bool(_parts_of(path)) and not any(file.suffix.lower() in suffixes() for file in path.rglob("*"))
    return path.is_file() and plain_suffix(path) in DELIMITED | ARROW


def from_table(path: Path, reading: Reading, rows: Rows, progress: Progress) -> Dataset:
    """Read delimited text, Parquet or Feather, or a folder of Parquet.

    Raises
    ------
    DataError
        If it cannot be read, its columns cannot be told apart, or one cannot become features.
    """
    return make_dataset(read_frame(path, reading, progress), reading, rows)


def read_frame(path: Path, reading: Reading, progress: Progress) -> Frame:
    """Return the columns of a table, before they are features.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    return (_delimited_frame if plain_suffix(path) in DELIMITED else _arrow_frame)(path, reading, progress)


def _delimited_frame(path: Path, reading: Reading, progress: Progress) -> Frame:
    how = sniff(path)
    try:
        frame = _read_delimited(how, reading, progress)
    except UnicodeDecodeError:
        # What begins as UTF-8 does not go on as such.
        how = replace(how, encoding="latin-1")
        frame = _read_delimited(how, reading, progress)
    frame.notes += how.notes
    return frame


def _arrow_frame(path: Path, reading: Reading, progress: Progress) -> Frame:
    with _readable(path):
        source, schemas = _arrow_source(path)
        frame = _read_arrow(path, source, reading, progress)
    of_parts = {name for one in schemas for name in one.names}
    lacking = sorted(name for name in of_parts if any(name not in one.names for one in schemas))
    if lacking:
        frame.notes.append(f"gaps where parts lack the columns {', '.join(map(printable, lacking))}")
    return frame


def _kind(path: Path) -> str:
    return "feather" if path.suffix.lower() in (".feather", ".arrow") else "parquet"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say which file cannot be read, and why."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as {_kind(path).capitalize()}: {first_line(error)}") from error


def _arrow_source(path: Path) -> tuple[Any, list[pa.Schema]]:
    """Return a table of Parquet or Feather, and the schema of each of its files."""
    kind, files = _kind(path), _parts_of(path) if path.is_dir() else [path]
    # Below a folder, names such as `year=2024` are columns.
    where: dict[str, Any] = {"partitioning": "hive", "partition_base_dir": str(path)} if path.is_dir() else {}
    schemas = [_schema(part, kind) for part in files]
    whole = pads.dataset([str(file) for file in files], format=kind, **where).schema
    schema = pa.unify_schemas([*schemas, whole], promote_options="permissive").with_metadata(schemas[0].metadata)
    return pads.dataset([str(file) for file in files], format=kind, schema=schema, **where), schemas


def arrow_names(path: Path) -> tuple[str, ...]:
    """Return the columns of Parquet or Feather.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    with _readable(path):
        return tuple(_arrow_source(path)[0].schema.names)


def arrow_blocks(path: Path, places: Mapping[int, bool], progress: Progress) -> Iterator[dict[int, Raw]]:
    """Yield some columns of Parquet or Feather, a block of rows at a time; `places` says which are read as texts.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    with _readable(path):
        source, _ = _arrow_source(path)
        fields, n_rows, done = list(source.schema), max(1, source.count_rows()), 0
        for batch in source.to_batches(columns=[fields[place].name for place in places], batch_size=_ROWS):
            if batch.num_rows:
                yield {
                    place: _block(path, fields[place].name, _plain(batch.column(position)), as_text=as_text)
                    for position, (place, as_text) in enumerate(places.items())
                }
            done += batch.num_rows
            progress(done / n_rows)


def _block(path: Path, name: str, column: pa.Array, *, as_text: bool) -> Raw:
    if not as_text and _is_number(_storage(column.type)):
        return np.asarray(_numbers(column), np.float64)
    other = _other(path, name, column, as_text=as_text)
    if isinstance(other, Texts):
        return joined([other])
    return Moments(other) if _is_date(column.type) else other


def _schema(part: Path, kind: str) -> pa.Schema:
    try:
        return pads.dataset(part, format=kind).schema
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DataError(f"{part} cannot be read as {kind.capitalize()}: {first_line(error)}") from error


def _parts_of(folder: Path) -> list[Path]:
    """Return the files of a table that is a folder; those whose names begin with `_` or `.` are about it."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in (".parquet", ".pq") and file.is_file())
    return sorted(file for file in files if not file.name.startswith((".", "_")))


def make_dataset(frame: Frame, reading: Reading, rows: Rows) -> Dataset:
    """Turn the columns of a table into items and labels.

    Raises
    ------
    DataError
        If its columns cannot be told apart, or one cannot become features.
    """
    path, names = frame.path, frame.names
    check_options(reading)
    label, id_like = name_roles(path, names, reading)
    unread = {label, *id_like, *ignored(path, names, reading)}
    for place in range(len(names)):
        if place not in unread:
            frame.understand(place)
    roles = assign_roles(path, names, reading, frame.look)
    refuse_texts(frame, roles, reading)
    labels = labels_of(frame, roles.label, reading)
    pool = rows(frame.n_rows)
    logs = as_logarithms(path, names, reading)
    features = tuple(_fit(frame, place, pool, logs) for place in roles.features)
    warnings = check_leaks(frame, roles, labels, reading)
    ids = None if roles.ids is None else frame.texts(roles.ids)
    told = tell_table(frame, roles, features, labels)
    matrix = frame.matrix(roles.features, features)
    return Dataset(
        name=plain_stem(path),
        pool=matrix,
        labels=labels.codes,
        class_names=labels.names,
        ids=None if ids is None else tuple(map(printable, ids.spelled)),
        understood=(*told, *frame.notes, *labels.notes, *warnings),
        features=features,
        pretrained=frame.pretrained,
        roles=tuple(None if place is None else frame.called(place) for place in (roles.label, roles.ids)),  # type: ignore[arg-type]
    )


def labels_of(frame: Frame, label: int | None, reading: Reading) -> Labels:
    """Return the labels of a table, which stand in a column of texts."""
    if label is None:
        return Labels(np.full(frame.n_rows, -1), ())
    where = f"{frame.path.name}, column {frame.called(label)}"
    texts = frame.texts(label)
    return read_labels(where, np.array(written_numbers([] if texts is None else texts.spelled), object), reading.missing_label)


def _fit(frame: Frame, place: int, pool: np.ndarray, logs: Mapping[int, bool] | None) -> Feature:
    values, name = frame.column(place), frame.called(place)
    part = values if len(pool) == len(values) else values[pool]
    return fit_feature(name, part, log=None if logs is None else logs.get(place, False), is_date=place in frame.dates)


def _read_delimited(how: Delimited, reading: Reading, progress: Progress) -> Frame:
    """Read all rows; begin again if a column that began with numbers goes on with texts, or needs more digits."""
    names = how.columns
    label, id_like = name_roles(how.path, names, reading)
    texts: set[int] = {*id_like, *([] if label is None else [label])}
    precise: set[int] = set()
    while True:
        frame = Frame(how.path, names)
        late = _fill(frame, how, texts, precise, progress)
        texts |= late
        more = frame.too_coarse() - precise if not late else set()
        precise |= more
        if not late and not more:
            break
    if not frame.n_rows:
        raise DataError(f"{how.path} has a header and no rows; expected a row per item")
    if _has_gaps(frame, len(names) - 1 - how.trailing):
        refuse_short_rows(how)
    return frame


def _fill(frame: Frame, how: Delimited, texts: set[int], precise: set[int], progress: Progress) -> set[int]:
    """Read rows into a frame; return columns that turn out to hold texts although their first rows did not."""
    parts: dict[int, list[Column]] = {}
    blank = 0
    for whole in delimited_blocks(how, texts, progress):
        empty = whole.isna().all(axis=1)
        block, blank = whole[~empty], blank + int(empty.sum())
        found = {place for place in range(len(frame.names)) if not pd.api.types.is_numeric_dtype(block[place])} | texts
        if parts or frame.blocks:
            late = found - set(parts)
            if late:
                return late
        else:
            parts = {place: [] for place in sorted(found | precise)}
            frame.numeric = tuple(place for place in range(len(frame.names)) if place not in parts)
        for place, pieces in parts.items():
            pieces.append(block[place].to_numpy(np.float64) if place in precise - found else texts_of(block[place]))
        if frame.numeric:
            frame.append(block[list(frame.numeric)].to_numpy(np.float64))
    frame.others = {place: _joined(how.path, frame.called(place), pieces) for place, pieces in parts.items()}
    if blank:
        frame.notes.append(f"{number_of(blank, 'empty row')} left out")
    return set()


def delimited_blocks(how: Delimited, texts: set[int], progress: Progress) -> Iterator[pd.DataFrame]:
    """Yield delimited text in blocks of rows, whose columns are called by their places; `texts` are those to be read as written.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    columns = list(range(len(how.columns)))
    options: dict[str, Any] = {
        "sep": how.separator,
        "decimal": how.decimal,
        "thousands": how.thousands,
        "encoding": how.encoding,
        "names": columns,
        "index_col": False,
        "header": 0,
        "skiprows": how.before,
        "dtype": dict.fromkeys(texts, str),
        "na_values": {place: _GAPS if place not in texts else [""] for place in columns},
        "keep_default_na": False,
        "low_memory": False,
    }
    with opened(how.path, progress) as file:
        try:
            with pd.read_csv(file, chunksize=_ROWS, **options) as reader:
                yield from reader
        except (ValueError, pd.errors.ParserError, OverflowError) as error:
            if isinstance(error, (DataError, UnicodeDecodeError)):
                raise
            raise DataError(f"{how.path} cannot be read: {first_line(error)}") from error


def _has_gaps(frame: Frame, place: int) -> bool:
    values = frame.column(place)
    return bool((values.codes < 0).any() if isinstance(values, Texts) else np.isnan(values).any())


def _read_arrow(path: Path, source: Any, reading: Reading, progress: Progress) -> Frame:
    hidden = _index_columns(source.schema)
    fields = [one for one in source.schema if one.name not in hidden]
    names = tuple(one.name.strip() for one in fields)
    label, id_like = name_roles(path, names, reading)
    as_text, unread = {*id_like, *([] if label is None else [label])}, ignored(path, names, reading)
    kinds = {place: _storage(one.type) for place, one in enumerate(fields)}
    frame = Frame(path, names)
    frame.numeric = tuple(place for place, kind in kinds.items() if place not in as_text and _is_number(kind))
    frame.dates = frozenset(place for place, kind in kinds.items() if place not in as_text and _is_date(kind))
    n_rows = source.count_rows()
    if not n_rows:
        raise DataError(f"{path} has no rows; expected a row per item")
    if frame.numeric:
        frame.allocate(n_rows)
    frame.others |= {place: Texts((), np.full(n_rows, -1)) for place in unread if place not in frame.numeric}
    wanted = [place for place in range(len(fields)) if place not in unread]
    # Some columns at a time: all of them at once would take twice the memory, and as much again while they are decoded.
    at_once = max(1, _READ_BYTES // (8 * n_rows))
    for begin in range(0, len(wanted), at_once):
        places = wanted[begin : begin + at_once]
        columns = source.to_table(columns=[fields[place].name for place in places])
        for position, place in enumerate(places):
            chunks = [_plain(chunk) for chunk in columns.column(position).chunks]
            if place in frame.numeric:
                frame.fill(place, np.concatenate([_numbers(chunk) for chunk in chunks]))
            else:
                pieces = [_other(path, names[place], chunk, as_text=place in as_text) for chunk in chunks]
                frame.others[place] = _joined(path, names[place], pieces)
        progress((begin + len(places)) / len(wanted))
    for place in sorted(frame.too_coarse() - unread):
        chunks = source.to_table(columns=[fields[place].name]).column(0).chunks
        frame.others[place] = np.concatenate([np.asarray(_numbers(chunk), np.float64) for chunk in chunks])
    frame.notes += [f"left out: {printable(name)} (index of pandas)" for name in hidden if not name.startswith("__")]
    about = (source.schema.metadata or {}).get(PRETRAINED.encode())
    frame.pretrained = None if about is None else printable(about.decode("utf-8", "replace"))
    return frame


def _index_columns(schema: pa.Schema) -> list[str]:
    """Return the columns in which pandas keeps the index of a frame, unless their names say that they are labels or ids."""
    about = schema.pandas_metadata or {}
    return [name for name in about.get("index_columns", ()) if isinstance(name, str) and not says_role(name)]


def _storage(kind: pa.DataType) -> pa.DataType:
    """Return the type in which values of an extension type lie."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _plain(column: pa.Array) -> pa.Array:
    """Return a column without what is special about its type: extensions, dictionaries, views."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    return column.cast(pa.large_binary()) if pa.types.is_binary_view(column.type) else column


def _is_date(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
        or types.is_duration(kind)
        or types.is_null(kind)
    )


def _numbers(column: pa.Array) -> np.ndarray:
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_duration(kind):
        seconds: np.ndarray = column.to_pandas().dt.total_seconds().to_numpy(np.float64)
        return seconds
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    values: np.ndarray = column.to_numpy(zero_copy_only=False)
    return values


def _other(path: Path, name: str, column: pa.Array, *, as_text: bool) -> Column:
    """Return a column that is no number: texts as categories, dates as seconds, lists as they are."""
    kind = column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    if as_text or is_text or is_binary:
        encoded = pc.dictionary_encode(column)
        levels = tuple(_text(value) for value in encoded.dictionary.to_pylist())
        return Texts(levels, encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False))
    if _is_date(kind):
        # In microseconds years up to 290,000 have their place.
        moments = column.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False).astype("datetime64[us]")
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if not _is_number(kind.value_type):
            raise DataError(f"{path}: the column {printable(name)!r} holds lists of {kind.value_type}; expected numbers")
        return stacked(path, printable(name), column.to_pandas().tolist())
    raise DataError(
        f"{path}: the column {printable(name)!r} holds {kind}; expected numbers, texts, dates or lists of numbers. Leave it out "
        f"with --drop-columns {as_option(name)}"
    )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _joined(path: Path, name: str, pieces: Sequence[Column]) -> Column:
    texts = [piece for piece in pieces if isinstance(piece, Texts)]
    if texts:
        return joined(texts)
    values = [piece for piece in pieces if isinstance(piece, np.ndarray)]
    if len({piece.shape[1:] for piece in values}) > 1:
        raise DataError(f"{path}: lists of different lengths in the column {printable(name)!r}; expected one length")
    return np.concatenate(values)
