"""From columns of a table to numbers: what is fitted on the pool is kept as plain values, and applied alike to new items."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from bench.data.texts import Texts
from bench.errors import DataError
from gmvae.rounding import vanishes

Kind = Literal["number", "log", "date", "levels", "list"]
MAX_LEVELS = 32
"""Levels of a text column that get a feature each, the commonest ones; all others share one."""
_SECONDS_PER_DAY = 86_400
# A tail is heavy if it is skewed and spans two orders of magnitude: bytes, durations, counts, money.
_SKEW, _SPAN, _FEWEST_VALUES = 6.0, 100.0, 10
_BULK = (0.01, 0.99)
GAP = "(none)"
_OTHERS = "(others)"
_LARGEST = float(np.finfo(np.float32).max)

Column = np.ndarray | Texts
"""float32 (n,) of numbers with NaN for gaps, float64 (n,) of seconds for dates, float32 (n, w) of a list column, or texts."""


@dataclass(frozen=True)
class Feature:
    """How a column becomes features, as fitted on the pool."""

    column: str
    kind: Kind
    fill: float = 0.0
    """Stands for a gap: the median."""
    gaps: int = 0
    """Items of the pool without a value; of numbers and dates, one more feature says where."""
    origin: float = 0.0
    """Subtracted: of dates the first one, in seconds since 1970; of numbers that float32 cannot hold, what they lie near."""
    unit: float = 1.0
    """Of logarithms: log(1 + x / unit). Of numbers whose differences float32 cannot hold: they are divided by it."""
    levels: tuple[str, ...] = ()
    """Of texts: a feature each; of two without gaps, one feature for the second."""
    others: bool = False
    """Whether one more feature stands for all other levels."""
    width: int = 1
    """Of a list column: its length."""
    constant: bool = False
    """Whether all items of the pool have one value: kept, as it does no harm, and told."""

    @property
    def n_features(self) -> int:
        """Features that the column becomes."""
        if self.kind == "list":
            return self.width
        if self.kind == "levels":
            return 1 if self.is_binary else len(self.levels) + self.others
        return 1 + (self.gaps > 0)

    @property
    def needs_float64(self) -> bool:
        """Whether float32 would lose what tells values of the column apart."""
        return self.kind in ("number", "log") and bool(self.origin or vanishes(self.unit))

    @property
    def is_binary(self) -> bool:
        """Whether two levels share one feature."""
        return self.kind == "levels" and len(self.levels) == 2 and not self.others

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        if self.kind == "list":
            return tuple(f"{self.column}[{place}]" for place in range(self.width))
        if self.kind == "levels":
            levels = self.levels[1:] if self.is_binary else (*self.levels, *([_OTHERS] if self.others else []))
            return tuple(f"{self.column}={level}" for level in levels)
        return (self.column, *([f"{self.column} {GAP}"] if self.gaps else []))

    def __call__(self, values: Column, out: Float[np.ndarray, "n w"]) -> None:
        """Write the features of values into a part of a matrix."""
        if isinstance(values, Texts):
            self._encode(values, out)
        elif self.kind == "list":
            out[:] = values
        else:
            self._measure(values, out)

    def _encode(self, values: Texts, out: Float[np.ndarray, "n w"]) -> None:
        place_of = {level: place for place, level in enumerate(self.levels)}
        rest = len(self.levels) if self.others else -1
        # The last is for gaps, whose code is -1.
        places = np.array([*(place_of.get(level, rest) for level in values.levels), place_of.get(GAP, rest)])
        chosen = places[values.codes]
        if self.is_binary:
            out[:, 0] = chosen == 1
            return
        out[:] = 0
        rows = np.flatnonzero(chosen >= 0)
        out[rows, chosen[rows]] = 1

    def _measure(self, values: np.ndarray, out: Float[np.ndarray, "n w"]) -> None:
        gaps = np.isnan(values)
        filled = np.where(gaps, self.fill, values) if gaps.any() else values
        if self.kind == "date":
            filled = (filled - self.origin) / _SECONDS_PER_DAY
        elif self.kind == "number" and self.needs_float64:
            # Divided first: the difference of two numbers may be too large even for float64.
            filled = filled / self.unit - self.origin / self.unit
        elif self.kind == "log":
            # A value below zero that the pool does not have keeps its sign.
            filled = np.sign(filled) * np.log1p(np.abs(filled) / self.unit)
        # Not infinite, as one that is far from all others would be.
        out[:, 0] = np.where(np.isfinite(filled), np.clip(filled, -_LARGEST, _LARGEST), filled)
        if self.gaps:
            out[:, 1] = gaps


def fit_feature(column: str, values: Column, *, log: bool | None = None, is_date: bool = False) -> Feature:
    """Find out how a column of the pool becomes features.

    Parameters
    ----------
    log
        Whether to take logarithms; `None`: if the values are positive and their tail is heavy.

    Raises
    ------
    DataError
        If logarithms of negative numbers are asked for.
    """
    if isinstance(values, Texts):
        return _fit_levels(column, values)
    if values.ndim == 2:
        return Feature(column, "list", width=values.shape[1])
    gaps = np.isnan(values)
    known = values[~gaps] if gaps.any() else values
    n_gaps = int(gaps.sum())
    if not len(known):
        return Feature(column, "date" if is_date else "number", gaps=n_gaps, constant=True)
    fill, constant = _median(known), bool(known.min() == known.max())
    if is_date:
        return Feature(column, "date", fill=fill, gaps=n_gaps, origin=float(known.min()))
    if log and known.min() < 0:
        raise DataError(f"--log-columns names {column!r}, which holds {known.min():g}; logarithms need values from 0 on")
    if heavy_tailed(known) if log is None else log:
        return Feature(column, "log", fill=fill, gaps=n_gaps, unit=_unit(known))
    # What is not float32 by now was kept as it is because float32 would lose it.
    origin, unit = _place(known) if values.dtype == np.float64 else (0.0, 1.0)
    return Feature(column, "number", fill=fill, gaps=n_gaps, origin=origin, unit=unit, constant=constant)


def heavy_tailed(values: Float[np.ndarray, " n"]) -> bool:
    """Return whether values from 0 on have a heavy tail: skewed, over two orders of magnitude."""
    if not len(values) or values.min() < 0 or not np.isfinite(values[values.argmax()]):
        return False
    if values.max() < _SPAN * _unit(values):
        return False
    if vanishes(float(values.max())):
        values = values / values.max()
    centred = values - values.mean(dtype=np.float64)
    deviation = np.sqrt(np.square(centred).mean())
    skew = (np.power(centred, 3).mean() / deviation**3) if deviation > 0 else 0.0
    return bool(skew > _SKEW) and len(np.unique(values)) >= _FEWEST_VALUES


def _median(values: Float[np.ndarray, " n"]) -> float:
    # The mean of the middle two may be beyond float64 before it is halved.
    halves = values / 2 if np.abs(values).max() > np.finfo(values.dtype).max / 2 else None
    return float(np.median(values)) if halves is None else 2 * float(np.median(halves))


def _place(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return what to subtract from numbers that float32 cannot hold, and what to divide them by."""
    low, _, reach = _ends(values)
    if not reach or not vanishes(reach):
        return low, 1.0
    # A few of them may be far from all others, whose differences count.
    few, many = np.quantile(values, _BULK, method="lower")
    low, middle, reach = _ends(values[(values >= few) & (values <= many)])
    if not reach:
        low, middle, reach = _ends(values)
    return (middle, reach) if vanishes(reach) else (low, 1.0)


def _ends(values: Float[np.ndarray, " n"]) -> tuple[float, float, float]:
    """Return the least of some numbers, the middle between it and the largest, and how far they are from it."""
    low, high = float(values.min()), float(values.max())
    # Halved first: float64 has an end, too.
    return low, low / 2 + high / 2, high / 2 - low / 2


def _unit(values: Float[np.ndarray, " n"]) -> float:
    """Return the lowest decile of the positive values: small beside most of them, whatever their unit."""
    positive = values[values > 0]
    return float(np.quantile(positive, 0.1)) if len(positive) else 1.0


def _fit_levels(column: str, values: Texts) -> Feature:
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.levels))
    # By frequency, then by name: the same on every machine.
    ordered = sorted((-int(count), level) for level, count in zip(values.levels, counts, strict=True) if count)
    kept = sorted(level for _, level in ordered[:MAX_LEVELS])
    n_gaps = int((values.codes < 0).sum())
    return Feature(column, "levels", levels=(*kept, *([GAP] if n_gaps else [])), others=len(ordered) > MAX_LEVELS, gaps=n_gaps)


def make_matrix(features: Sequence[Feature], columns: Sequence[Column]) -> Float[np.ndarray, "n d"]:
    """Return the features of some items, side by side."""
    matrix = np.empty((len(columns[0]), sum(feature.n_features for feature in features)), np.float32)
    place = 0
    for feature, values in zip(features, columns, strict=True):
        feature(values, matrix[:, place : place + feature.n_features])
        place += feature.n_features
    return matrix


def to_json(features: Sequence[Feature]) -> list[dict[str, Any]]:
    """Return fitted features as plain values; what is at its default is left out."""
    plain = Feature("", "number")
    return [
        {name: value for name, value in asdict(feature).items() if name in ("column", "kind") or value != getattr(plain, name)}
        for feature in features
    ]


def from_json(values: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Return the features that `to_json` wrote."""
    return tuple(Feature(**{**value, "levels": tuple(value.get("levels", ()))}) for value in values)
