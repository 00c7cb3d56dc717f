"""Tables in memory: plain numbers as blocks of rows, all other columns whole."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.data.columns import Look, as_option, printable_name
from bench.data.features import Column, Feature
from bench.data.texts import Texts
from bench.errors import DataError
from bench.wording import printable
from gmvae.rounding import is_coarse, lost_in_float32

GAPS = frozenset({"", "?", "-", ".", "na", "n/a", "nan", "null", "none", "missing"})
_DATE = re.compile(r"\d{4}[-/]\d{2}[-/]\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z| ?[+-]\d{2}:?\d{2})?")
LIST = re.compile(r"\[[^\[\]]*\]")
# Memory in smaller pieces than 32 MiB stays with the process when it is freed.
_BLOCK_BYTES = 2**26
# A column of which this share is numbers is one of numbers with errors, not of categories.
_MOSTLY = 0.8


@dataclass(eq=False)
class Frame:
    """The columns of a table, by position."""

    path: Path
    names: tuple[str, ...]
    blocks: list[Float[np.ndarray, "r m"]] = field(default_factory=list)
    """Rows of the columns `numeric`."""
    numeric: tuple[int, ...] = ()
    others: dict[int, Column] = field(default_factory=dict)
    """Texts, dates (float64 seconds) and lists (float32, two dimensions)."""
    dates: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)
    pretrained: str | None = None
    """The model that made the columns, if one did."""
    _lost: dict[int, float] = field(default_factory=dict)
    """How far float32 is from the values of each numeric column, at most."""
    _known_positions: dict[int, int] = field(default_factory=dict)
    _room: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @property
    def _positions(self) -> dict[int, int]:
        """Where the numeric columns lie in a block; a table may have many thousands, so that none is looked for."""
        if len(self._known_positions) != len(self.numeric):
            self._known_positions = {place: position for position, place in enumerate(self.numeric)}
        return self._known_positions

    def allocate(self, n_rows: int) -> None:
        """Make room for rows of the numeric columns, in blocks that the system gets back when they are freed."""
        height = self._height
        self.blocks += [
            np.empty((min(height, n_rows - begin), len(self.numeric)), np.float32) for begin in range(0, n_rows, height)
        ]

    def fill(self, place: int, values: Float[np.ndarray, " n"]) -> None:
        """Write a numeric column into the room that was made."""
        position, begin = self._positions[place], 0
        self._notice([place], values[:, None])
        for block in self.blocks:
            with np.errstate(over="ignore"):
                block[:, position] = values[begin : begin + len(block)]
            begin += len(block)

    def append(self, rows: Float[np.ndarray, "r m"]) -> None:
        """Add rows of the numeric columns."""
        self._notice(self.numeric, rows)
        while len(rows):
            if not self.blocks or len(self.blocks[-1]) == self._height:
                self._room = np.empty((self._height, len(self.numeric)), np.float32)
                self.blocks.append(self._room[:0])
            filled = len(self.blocks[-1])
            more = min(self._height - filled, len(rows))
            with np.errstate(over="ignore"):
                self._room[filled : filled + more] = rows[:more]
            self.blocks[-1] = self._room[: filled + more]
            rows = rows[more:]

    def too_coarse(self) -> set[int]:
        """Return the columns that float32 cannot hold: what it loses is large beside how far their values lie apart."""
        return {place for place, lost in self._lost.items() if is_coarse(lost, self._numbers_of(place))}

    def _notice(self, places: Sequence[int], rows: np.ndarray) -> None:
        """Keep track of what float32 loses."""
        if rows.dtype == np.float32 or rows.dtype.kind == "b" or not len(rows):
            return
        for place, values in zip(places, rows.T, strict=True):
            self._lost[place] = max(self._lost.get(place, 0.0), lost_in_float32(values))

    @property
    def _height(self) -> int:
        """Rows of a block."""
        return max(1, _BLOCK_BYTES // (4 * max(1, len(self.numeric))))

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return sum(map(len, self.blocks)) if self.blocks else len(next(iter(self.others.values())))

    def column(self, place: int) -> Column:
        """Return the values of a column."""
        if place in self.others:
            return self.others[place]
        position = self._positions[place]
        return np.concatenate([block[:, position] for block in self.blocks])

    def _numbers_of(self, place: int) -> np.ndarray:
        values = self.column(place)
        # A column that turned into texts has none.
        return values if isinstance(values, np.ndarray) else np.array([])

    def look(self, place: int) -> Look:
        """Return what the role of a column depends on."""
        values = self.column(place)
        if isinstance(values, Texts):
            return Look(self.n_rows, len(values.levels), not values.levels, None)
        if values.ndim == 2:
            return Look(self.n_rows, 2, is_empty=False, numbers=None)
        known = values[~np.isnan(values)]
        return Look(self.n_rows, len(np.unique(known)), not len(known), values)

    def called(self, place: int) -> str:
        """Return what a column is called in messages."""
        return printable_name(self.names[place], place)

    def texts(self, place: int) -> Texts | None:
        """Return a column if it holds texts."""
        values = self.others.get(place)
        return values if isinstance(values, Texts) else None

    def understand(self, place: int) -> None:
        """Turn a column of texts that are numbers, dates or lists of numbers into those.

        Raises
        ------
        DataError
            If most texts are numbers, and some are not.
        """
        values = self.texts(place)
        if values is None:
            return
        known = [text for text in values.levels if text.casefold() not in GAPS]
        if known and all(map(LIST.fullmatch, known)):
            self.others[place] = self._lists(place, values)
        elif known and all(map(_DATE.fullmatch, known)):
            seconds = moments_of(values.levels)
            none = [text for text, second in zip(values.levels, seconds, strict=True) if np.isnan(second) and text in known]
            if none:
                self.notes.append(f"{self.called(place)}: a gap where it says {', '.join(map(repr, none[:3]))}, which is no date")
            self.others[place], self.dates = values.each(seconds), self.dates | {place}
        elif known:
            self._numbers(place, values)

    def _numbers(self, place: int, values: Texts) -> None:
        numbers = pd.to_numeric(pd.Series(values.levels, dtype=object), errors="coerce").to_numpy(np.float64)
        counts = np.bincount(values.codes[values.codes >= 0], minlength=len(numbers))
        odd = [(count, text) for text, number, count in zip(values.levels, numbers, counts, strict=True) if np.isnan(number)]
        wrong = [(count, text) for count, text in odd if text.casefold() not in GAPS]
        if not wrong:
            self.others[place] = values.each(numbers).astype(np.float32)
            words = sorted(printable(text) for _, text in odd if text)
            if words:
                self.notes.append(f"{self.called(place)}: a gap where it says {', '.join(map(repr, words))}")
        elif 1 - sum(count for count, _ in wrong) / counts.sum() > _MOSTLY:
            shown = ", ".join(repr(printable(text)) for _, text in sorted(wrong, reverse=True)[:3])
            raise DataError(
                f"{self.path}: the column {self.called(place)!r} holds numbers, but also {shown}; correct these values, or empty "
                f"them, or leave the column out with --drop-columns {as_option(self.names[place])}"
            )

    def _lists(self, place: int, values: Texts) -> np.ndarray:
        try:
            rows = [np.array(text.strip("[]").replace(",", " ").split(), np.float32) for text in values.levels]
        except ValueError:
            raise DataError(f"{self.path}: the column {self.called(place)!r} holds lists of texts; expected numbers") from None
        return stacked(self.path, self.called(place), [rows[code] if code >= 0 else None for code in values.codes])

    def matrix(self, places: Sequence[int], features: Sequence[Feature]) -> Float[np.ndarray, "n d"]:
        """Return features of the columns named, side by side. What was read as blocks is freed as it is copied."""
        n_rows, widths = self.n_rows, [feature.n_features for feature in features]
        out = np.empty((n_rows, sum(widths)), np.float32)
        position_of = {place: position for position, place in enumerate(self.numeric)}
        begin = 0
        for end in self._ends():
            block = self.blocks.pop(0) if self.blocks else None
            at = 0
            for place, feature, width in zip(places, features, widths, strict=True):
                is_plain = place in position_of and place not in self.others
                values = block[:, position_of[place]] if is_plain and block is not None else self.others[place][begin:end]
                feature(values, out[begin:end, at : at + width])
                at += width
            begin = end
        return out

    def _ends(self) -> Iterator[int]:
        """Yield where each block ends; without blocks, where the table does."""
        if not self.blocks:
            yield self.n_rows
            return
        sizes = [len(block) for block in self.blocks]
        yield from np.cumsum(sizes).tolist()


def stacked(path: Path, called: str, rows: Sequence[np.ndarray | None]) -> Float[np.ndarray, "n w"]:
    """Return the rows of a list column as a matrix.

    Raises
    ------
    DataError
        If they differ in length, or one is missing.
    """
    lengths = sorted({-1 if row is None else len(row) for row in rows})
    if len(lengths) > 1 or lengths[0] < 1:
        said = ", ".join("none" if length < 0 else f"{length:,}" for length in lengths[:4])
        raise DataError(f"{path}: lists of different lengths ({said}) in the column {called!r}; expected one length")
    return np.stack([np.asarray(row, np.float32) for row in rows if row is not None])


def moments_of(texts: Sequence[str]) -> np.ndarray:
    """Return dates as seconds since 1970, float64, NaN for what is none. Without a zone they are in UTC."""
    return np.array([_second(text) for text in texts])


def _second(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.replace("/", "-").replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
