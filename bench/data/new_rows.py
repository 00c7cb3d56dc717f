"""New rows of a table, read as the pool was: block by block, each column as what it was then."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.columns import LABEL_NAMES, printable_name
from bench.data.dataset import printable
from bench.data.delimited import Delimited, plain_suffix, sniff
from bench.data.features import Column, Feature, make_matrix
from bench.data.form import Form
from bench.data.frames import Frame, stacked
from bench.data.labels import written_numbers
from bench.data.reading import Progress
from bench.data.tables import ARROW, arrow_blocks, arrow_names, delimited_blocks
from bench.data.texts import Texts, joined, texts_of
from bench.errors import DataError

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class NewItems:
    """Some new items."""

    items: np.ndarray
    """(n, d), as in the pool."""
    ids: Sequence[str] | None = None
    labels: Sequence[str | None] | None = None
    """Classes, where the data say them."""


@dataclass(eq=False)
class Strange:
    """What of new rows the training data did not have."""

    levels: dict[str, Counter[str]] = field(default_factory=dict)
    """By column: categories, with the number of rows."""

    def notes(self) -> tuple[str, ...]:
        """Return it in words."""
        return tuple(
            f"{column}: {sum(counts.values()):,} rows with {len(counts):,} categories that the training data do not have: "
            + ", ".join(repr(printable(level)) for level, _ in counts.most_common(3))
            for column, counts in self.levels.items()
        )


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
        yield _items(Frame(path, tuple(names), others=columns), places, form, strange)


def rows_of_frame(table: pd.DataFrame, form: Form, strange: Strange) -> NewItems:
    """Return the rows of a table in memory as items.

    Raises
    ------
    DataError
        If it lacks a column, or holds in one what the pool did not.
    """
    path, names = Path("the table"), [str(name) for name in table.columns]
    places = _wanted(path, names, form)
    columns = {place: _column(table.iloc[:, place], _kind(name, form)) for name, place in places.items()}
    return _items(Frame(path, tuple(names), others=columns), places, form, strange)


def _column(values: pd.Series, kind: str | None) -> Column:
    if kind == "list":
        return stacked(Path("the table"), str(values.name), [np.asarray(row, np.float32) for row in values])
    if pd.api.types.is_datetime64_any_dtype(values):
        moments = values.to_numpy("datetime64[us]")
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)
    if pd.api.types.is_numeric_dtype(values) and kind in ("number", "log"):
        return values.to_numpy(np.float64, na_value=np.nan)
    return joined([texts_of(values.astype(object).where(values.notna(), None))])


def _items(frame: Frame, places: Mapping[str, int], form: Form, strange: Strange) -> NewItems:
    values = [_values(frame, places[feature.column], feature, strange) for feature in form.features]
    return NewItems(make_matrix(form.features, values), _texts(frame, places, form.id_column), _labels(frame, places, form))


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


def _columns(how: Delimited, places: Mapping[str, int], texts: set[int], progress: Progress) -> Iterator[dict[int, Column]]:
    try:
        for whole in delimited_blocks(how, texts, progress):
            block = whole[~whole.isna().all(axis=1)]
            yield {
                place: joined([texts_of(block[place])])
                if place in texts or not pd.api.types.is_numeric_dtype(block[place])
                else block[place].to_numpy(np.float64)
                for place in places.values()
            }
    except UnicodeDecodeError:
        raise DataError(f"{how.path} begins as {how.encoding} and does not go on as such; save it as UTF-8") from None


def _values(frame: Frame, place: int, feature: Feature, strange: Strange) -> Column:
    """Return a column of new rows as the feature expects it.

    Raises
    ------
    DataError
        If it holds something else.
    """
    values = frame.others[place]
    if feature.kind == "levels":
        texts = values if isinstance(values, Texts) else texts_of(pd.Series(values))
        _notice(texts, feature, strange)
        return texts
    if isinstance(values, Texts):
        frame.understand(place)
        values = frame.others[place]
    if isinstance(values, Texts):
        known = [text for text in values.levels if text]
        if known:
            what = {"number": "numbers", "log": "numbers", "date": "dates", "list": "lists of numbers"}[feature.kind]
            raise DataError(
                f"{frame.path}: the column {feature.column!r} holds {printable(known[0])!r}; the classifier reads {what} there"
            )
        values = values.each(np.full(len(values.levels), np.nan))
    if (values.ndim == 2) != (feature.kind == "list") or (values.ndim == 2 and values.shape[1] != feature.width):
        raise DataError(f"{frame.path}: the column {feature.column!r} has values of another shape than the training data have")
    # As it was read then: float32, unless that would have lost what tells values apart.
    precise = feature.kind == "date" or feature.origin != 0
    with np.errstate(over="ignore"):
        return values if precise else values.astype(np.float32)


def _notice(texts: Texts, feature: Feature, strange: Strange) -> None:
    if feature.others:
        return
    known = frozenset(feature.levels)
    odd = [place for place, level in enumerate(texts.levels) if level not in known]
    if odd:
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.levels))
        seen = {texts.levels[place]: int(counts[place]) for place in odd if counts[place]}
        if seen:
            strange.levels.setdefault(feature.column, Counter()).update(seen)


def _texts(frame: Frame, places: Mapping[str, int], name: str | None) -> list[str] | None:
    values = frame.others.get(places[name]) if name in places and name is not None else None
    if isinstance(values, np.ndarray):
        values = texts_of(pd.Series(values).astype("string"))
    return None if values is None else [printable(text) for text in values.spelled]


def _labels(frame: Frame, places: Mapping[str, int], form: Form) -> list[str | None] | None:
    texts = _texts(frame, places, _label_column([frame.called(place) for place in places.values()], form))
    return None if texts is None else [text or None for text in written_numbers(texts)]
