"""A column of new rows as the feature that it becomes expects it, however it is written this time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.data.features import GAP, Column, Feature
from bench.data.frames import GAPS, LIST, moments_of, stacked
from bench.data.texts import Texts, joined, texts_of
from bench.errors import DataError
from bench.wording import printable

_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class Moments:
    """A column that is stored as dates."""

    seconds: Float[np.ndarray, " n"]
    """Since 1970, float64; NaN for gaps."""


Raw = Texts | np.ndarray | Moments
"""As a file or a table in memory has it: texts, numbers (float64), dates, or lists (two dimensions)."""


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


def raw_of_series(values: pd.Series, kind: str | None) -> Raw:
    """Return a column of a table in memory; `kind` is that of its feature, `None` for labels and names of rows.

    Raises
    ------
    DataError
        If it holds lists where it should not, or texts among them.
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        if getattr(values.dt, "tz", None) is not None:
            values = values.dt.tz_convert("UTC").dt.tz_localize(None)
        moments = values.to_numpy("datetime64[us]")
        return Moments(np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6))
    if pd.api.types.is_numeric_dtype(values) and kind not in (None, "levels"):
        return values.to_numpy(np.float64, na_value=np.nan)
    plain = [None if _is_missing(value) else value for value in values]
    lists = [isinstance(value, list | tuple | np.ndarray) for value in plain if value is not None]
    if any(lists):
        try:
            return stacked(
                Path("the table"), str(values.name), [None if row is None else np.asarray(row, np.float32) for row in plain]
            )
        except (TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"the table: the column {printable(str(values.name))!r} holds lists of something else than numbers"
            ) from error
    return joined([texts_of([None if value is None else _spelled(value) for value in plain])])


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))


def _spelled(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def fitted_to(path: Path, raw: Raw, feature: Feature, strange: Strange) -> Column:
    """Return a column of new rows as a feature expects it.

    Raises
    ------
    DataError
        If it holds something else than the column of the pool did.
    """
    if feature.kind == "levels":
        return _levels(path, raw, feature, strange)
    if feature.kind == "list":
        values = _lists(path, raw, feature)
        if values.ndim != 2 or values.shape[1] != feature.width:
            raise _other(
                path, feature, f"lists of {values.shape[-1]:,} values, not {feature.width:,}" if values.ndim == 2 else "no lists"
            )
        return values
    if feature.kind == "date":
        return _dates(path, raw, feature)
    if isinstance(raw, Moments):
        raise _other(path, feature, "dates")
    numbers = _numbers(path, raw, feature) if isinstance(raw, Texts) else np.asarray(raw, np.float64)
    if numbers.ndim != 1:
        raise _other(path, feature, "lists")
    # As it was read then: float32, unless that would have lost what tells values apart.
    with np.errstate(over="ignore"):
        return numbers if feature.needs_float64 else numbers.astype(np.float32)


def _levels(path: Path, raw: Raw, feature: Feature, strange: Strange) -> Texts:
    if isinstance(raw, Moments) or (isinstance(raw, np.ndarray) and raw.ndim == 2):
        raise _other(path, feature, "dates" if isinstance(raw, Moments) else "lists")
    texts = (
        raw
        if isinstance(raw, Texts)
        else joined([texts_of([None if np.isnan(value) else _spelled(value) for value in raw.tolist()])])
    )
    known = frozenset(feature.levels) - {GAP}
    # What means a gap, and how truth values are written, differs between writers; a text that was a level then is one now.
    same = {level.casefold(): level for level in known if level.casefold() in _TRUTH}
    meant = [
        level if level in known else same.get(level.casefold(), "" if _means_gap(level) else level) for level in texts.levels
    ]
    texts = joined([Texts(tuple(meant), texts.codes)]) if tuple(meant) != texts.levels else texts
    if not feature.others:
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.levels)).tolist()
        seen = {level: count for level, count in zip(texts.levels, counts, strict=True) if count and level not in known}
        if seen:
            strange.levels.setdefault(feature.column, Counter()).update(seen)
    return texts


def _numbers(path: Path, texts: Texts, feature: Feature) -> Float[np.ndarray, " n"]:
    numbers = pd.to_numeric(pd.Series(texts.levels, dtype=object), errors="coerce").to_numpy(np.float64).copy()
    for place, level in enumerate(texts.levels):
        if np.isnan(numbers[place]) and not _means_gap(level):
            truth = _TRUTH.get(level.casefold())
            if truth is None:
                raise _other(path, feature, repr(printable(level)))
            numbers[place] = truth
    return texts.each(numbers)


def _dates(path: Path, raw: Raw, feature: Feature) -> Float[np.ndarray, " n"]:
    if isinstance(raw, Moments):
        return raw.seconds
    if not isinstance(raw, Texts):
        if np.isnan(raw).all():
            return np.asarray(raw, np.float64)
        raise _other(path, feature, "numbers")
    seconds = moments_of(raw.levels)
    wrong = [level for level, second in zip(raw.levels, seconds, strict=True) if np.isnan(second) and not _means_gap(level)]
    if wrong:
        raise _other(path, feature, repr(printable(wrong[0])))
    return raw.each(seconds)


def _lists(path: Path, raw: Raw, feature: Feature) -> np.ndarray:
    if not isinstance(raw, Texts):
        return np.asarray(raw.seconds if isinstance(raw, Moments) else raw)
    wrong = [level for level in raw.levels if not LIST.fullmatch(level)]
    if wrong or (raw.codes < 0).any():
        raise _other(path, feature, repr(printable(wrong[0])) if wrong else "gaps")
    try:
        rows = [np.array(level.strip("[]").replace(",", " ").split(), np.float32) for level in raw.levels]
    except ValueError:
        raise _other(path, feature, "lists of texts") from None
    return stacked(path, feature.column, [rows[code] for code in raw.codes])


def _means_gap(text: str) -> bool:
    return text.strip().casefold() in GAPS


def _other(path: Path, feature: Feature, what: str) -> DataError:
    expected = {"number": "numbers", "log": "numbers", "date": "dates", "list": "lists of numbers", "levels": "texts"}[
        feature.kind
    ]
    return DataError(f"{path}: the column {feature.column!r} holds {what}; the classifier reads {expected} there")


def refuse_infinite(path: Path, matrix: Float[np.ndarray, "n d"], features: Sequence[Feature]) -> None:
    """Refuse rows with values that float32 does not hold, as training does.

    Raises
    ------
    DataError
        If there are any.
    """
    bad = ~np.isfinite(matrix)
    if bad.any():
        row, place = (int(part[0]) for part in np.nonzero(bad))
        ends = np.cumsum([feature.n_features for feature in features])
        column = features[int(np.searchsorted(ends, place, side="right"))].column
        raise DataError(
            f"{path}: infinity, or a number too large, in the column {column!r} (row {row + 1} of its block); correct or empty it"
        )
