"""New rows of a table, read as the pool was: block by block, each column as what it was then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.columns import LABEL_NAMES, printable_name
from bench.data.delimited import Delimited, plain_suffix, refuse_short_rows, sniff
from bench.data.features import make_matrix
from bench.data.form import Form
from bench.data.labels import without_missing, written_numbers
from bench.data.new_columns import Moments, Raw, Strange, fitted_to, raw_of_series, refuse_infinite
from bench.data.reading import Progress
from bench.data.tables import ARROW, arrow_blocks, arrow_names, delimited_blocks
from bench.data.texts import joined, texts_of
from bench.errors import DataError
from bench.wording import printable

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class NewItems:
    """Some new items."""

    items: np.ndarray
    """(n, d), as in the pool."""
    ids: Sequence[str] | None = None
    labels: Sequence[str | None] | None = None
    """Classes, where the data say them."""


def new_rows(path: Path, form: Form, strange: Strange, progress: Progress) -> Iterator[NewItems]:
    """Yield the rows of a table in blocks, as items.

    Raises
    ------
    DataError
        If it cannot be read, lacks a column, or holds in one what the pool did not.
    """
    if plain_suffix(path) in ARROW or path.is_dir():
        names = arrow_names(path)
        places = _wanted(path, names, form)
        blocks = arrow_blocks(path, {place: _kind(name, form) in (None, "levels") for name, place in places.items()}, progress)
    else:
        how = sniff(path)
        names, places = how.columns, _wanted(path, how.columns, form)
        blocks = _columns(
            how, places, {place for name, place in places.items() if _kind(name, form) not in ("number", "log")}, progress
        )
    for columns in blocks:
        yield _items(path, columns, places, form, strange)


def rows_of_frame(table: pd.DataFrame, form: Form, strange: Strange) -> NewItems:
    """Return the rows of a table in memory as items.

    Raises
    ------
    DataError
        If it lacks a column, or holds in one what the pool did not.
    """
    path, names = Path("the table"), [str(name) for name in table.columns]
    places = _wanted(path, names, form)
    columns = {place: raw_of_series(table.iloc[:, place], _kind(name, form)) for name, place in places.items()}
    return _items(path, columns, places, form, strange)


def rows_of_records(rows: Sequence[Mapping[str, object]], form: Form, strange: Strange) -> NewItems:
    """Return rows that come one by one, of which columns that are not read are left where they are.

    Raises
    ------
    DataError
        As `rows_of_frame`.
    """
    columns = [name for name in (*(feature.column for feature in form.features), form.id_column) if name is not None]
    there = [name for name in dict.fromkeys(columns) if any(name in row for row in rows)]
    return rows_of_frame(
        pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in there}), form, strange
    )


def _items(path: Path, columns: Mapping[int, Raw], places: Mapping[str, int], form: Form, strange: Strange) -> NewItems:
    values = [fitted_to(path, columns[places[feature.column]], feature, strange) for feature in form.features]
    matrix = make_matrix(form.features, values)
    refuse_infinite(path, matrix, form.features)
    label = _label_column(tuple(places), form)
    return NewItems(matrix, _texts(columns, places, form.id_column), _labels(columns, places, label, form))


def _wanted(path: Path, names: Sequence[str], form: Form) -> dict[str, int]:
    """Return where the columns lie that are read: features, and labels and names of rows where there are any.

    Raises
    ------
    DataError
        If a feature is not there.
    """
    place_of: dict[str, int] = {}
    for place, name in enumerate(names):
        place_of.setdefault(printable_name(name.strip(), place), place)
    folded = {name.casefold(): place for name, place in reversed(place_of.items())}
    found = {feature.column: place_of.get(feature.column, folded.get(feature.column.casefold())) for feature in form.features}
    lacking = [name for name, place in found.items() if place is None]
    if lacking:
        shown = ", ".join(lacking[:_SHOWN]) + (f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else "")
        has = ", ".join(list(place_of)[:_SHOWN]) + (" …" if len(place_of) > _SHOWN else "")
        raise DataError(f"{path} lacks the columns {shown}, which the classifier reads; it has {has}")
    wanted = {name: place for name, place in found.items() if place is not None}
    label = _label_column(tuple(place_of), form)
    return wanted | {name: place_of[name] for name in (label, form.id_column) if name is not None and name in place_of}


def _label_column(names: Sequence[str], form: Form) -> str | None:
    """Return the column of labels: that of the training data, or, where these had none, one that is called so."""
    features = {feature.column for feature in form.features}
    likely = [name for name in names if name.casefold() in LABEL_NAMES and name not in features]
    return form.label_column or (likely[0] if len(likely) == 1 else None)


def _kind(name: str, form: Form) -> str | None:
    """Return the kind of feature that a column becomes; `None` for labels and names of rows."""
    return next((feature.kind for feature in form.features if feature.column == name), None)


def _columns(how: Delimited, places: Mapping[str, int], texts: set[int], progress: Progress) -> Iterator[dict[int, Raw]]:
    last, checked = len(how.columns) - 1 - how.trailing, False
    try:
        for whole in delimited_blocks(how, texts, progress):
            block = whole[~whole.isna().all(axis=1)]
            if not checked and block[last].isna().any():
                refuse_short_rows(how)
                checked = True
            yield {place: _written(block[place], as_text=place in texts) for place in places.values()}
    except UnicodeDecodeError:
        raise DataError(f"{how.path} begins as {how.encoding} and does not go on as such; save it as UTF-8") from None


def _written(values: pd.Series, *, as_text: bool) -> Raw:
    if as_text or not pd.api.types.is_numeric_dtype(values):
        return joined([texts_of(values)])
    return values.to_numpy(np.float64)


def _texts(columns: Mapping[int, Raw], places: Mapping[str, int], name: str | None) -> list[str] | None:
    if name is None or name not in places:
        return None
    values = columns[places[name]]
    if isinstance(values, Moments):
        values = values.seconds
    if isinstance(values, np.ndarray):
        values = texts_of(pd.Series(values).astype("string"))
    return [printable(text) for text in values.spelled]


def _labels(columns: Mapping[int, Raw], places: Mapping[str, int], name: str | None, form: Form) -> list[str | None] | None:
    """Return classes that the new data say; those words mean none that did in training."""
    texts = _texts(columns, places, name)
    if texts is None:
        return None
    said, _ = without_missing(written_numbers(texts), form.missing_label)
    return [text or None for text in said]
