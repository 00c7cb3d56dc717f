"""Delimited text (CSV, TSV and their relatives): how a file is written is found out from its beginning."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from bench.data.reading import Progress, no_progress
from bench.errors import DataError, number_of
from bench.wording import printable
from gmvae.errors import first_line

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_SAMPLE_BYTES, _SAMPLE_ROWS = 2**18, 200
# More is read where so few lines are in it.
_SAMPLE_LINES, _MOST_SAMPLE_BYTES = 20, 2**26
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252", "latin-1": "Latin-1"}
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER, _POINT_NUMBER = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d+\.\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,]\d{3})+([.,]\d+)?")
# So many numbers in order are no accident.
_FEWEST_STEPS = 6


@dataclass(frozen=True)
class Delimited:
    """How a text file is written."""

    path: Path
    names: tuple[str, ...]
    """Of the columns, without spaces around; empty where a column has no name."""
    encoding: str = "utf-8"
    separator: str = ","
    decimal: str = "."
    thousands: str | None = None
    row_names: bool = False
    """Whether rows have one value more than the header, the first, which names the row."""
    trailing: bool = False
    """Whether each row, or the header alone, ends with a separator."""
    before: int = 0
    """Lines before the header: comments, empty ones, or Excel's `sep=;`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all values of a row."""
        return (*([""] if self.row_names else []), *self.names, *([""] if self.trailing else []))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not as in most files, in words."""
        hint = " (if names look wrong, save it as UTF-8)" if self.encoding in ("cp1252", "latin-1") else ""
        odd = [
            *([] if self.encoding.startswith("utf-8") else [_ENCODINGS.get(self.encoding, self.encoding) + hint]),
            *([f"separated by {_SEPARATORS[self.separator]}"] if self.separator != "," else []),
            *(["a comma as decimal sign"] if self.decimal == "," else []),
            *(["rows or the header end with a separator"] if self.trailing else []),
            *(["the header has no name for the first column, which names the rows"] if self.row_names else []),
        ]
        return (f"{printable(self.path.name)}: {', '.join(odd)}",) if odd else ()


def plain_suffix(path: Path) -> str:
    """Return the suffix of a file in small letters, without that of its compression: `.csv` of `A.CSV.gz`."""
    name = path.name.lower()
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    return Path(name).suffix


def plain_stem(path: Path) -> str:
    """Return the name of a file without its suffix and that of its compression."""
    name = path.name
    for compression in COMPRESSIONS:
        if name.lower().endswith(compression):
            name = name[: -len(compression)]
    return Path(name).stem


@contextmanager
def opened(path: Path, progress: Progress = no_progress) -> Iterator[Any]:
    """Open a file for reading bytes, uncompressed; `progress` is told the share that was read.

    Raises
    ------
    DataError
        If that is not possible.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        with path.open("rb") as file:
            told = _Told(file, max(1, path.stat().st_size), progress)
            yield file if compression is None and progress is no_progress else pa.input_stream(told, compression=compression)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {first_line(error)}") from error


class _Told(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress) -> None:
        self.file, self.size, self.progress = file, size, progress

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.progress(min(1.0, self.file.tell() / self.size))
        return data


def sniff(path: Path) -> Delimited:
    """Find out how a file is written.

    Raises
    ------
    DataError
        If it has no header, is empty, or its rows do not fit together.
    """
    with opened(path) as file:
        size = _SAMPLE_BYTES
        head = bytes(file.read(size + 1))
        # A header of many long names.
        while len(head) > size and head.count(b"\n") < _SAMPLE_LINES and size < _MOST_SAMPLE_BYTES:
            size *= 4
            head += bytes(file.read(size + 1 - len(head)))
    encoding, text = _decoded(head[:size], whole=len(head) <= size)
    lines = text.splitlines(keepends=True)
    lines = lines if len(head) <= size else lines[:-1] or lines
    if "\0" in text:
        raise DataError(f"{path} is no text; expected a table with a header and a row per item")
    before = next((place for place, line in enumerate(lines) if not _says_nothing(line)), len(lines))
    lines = lines[before:]
    if not lines:
        raise DataError(f"{path} is empty; expected a header and a row per item")
    if lines[0].lstrip().startswith(("{", "[{")):
        raise DataError(f"{path} holds JSON; expected a table with a header and a row per item: write it as CSV or Parquet")
    # Of signs that fit alike, commas come last: they may be decimal signs.
    separator = max(reversed(_SEPARATORS), key=lambda sign: _fitness(lines, sign))
    rows = _rows(lines, separator)
    if not rows:
        longest = csv.field_size_limit()
        raise DataError(f"{path}: a value in its first lines is longer than {longest:,} characters; is a quote not closed?")
    header, *body = rows
    names = tuple(name.strip() for name in header)
    # A separator at the end of the header alone.
    ends = len(names) > 1 and not names[-1] and all(len(row) < len(names) for row in body)
    names = names[:-1] if ends else names
    if len(names) == 1:
        _refuse_spaces(path, lines)
    _refuse_headless(path, names, body)
    row_names, trailing = (False, True) if ends else _overhang(path, names, body)
    decimal, thousands = _signs(body, separator)
    return Delimited(path, names, encoding, separator, decimal, thousands, row_names, trailing, before)


def text_rows(path: Path) -> tuple[tuple[str, ...], list[tuple[int, dict[str, str]]]]:
    """Return the column names of a small table, and its rows as text, each with the number of its line.

    Raises
    ------
    DataError
        If the table cannot be read.
    """
    how = sniff(path)
    rows: list[tuple[int, dict[str, str]]] = []
    columns = how.columns
    with opened(path) as file, io.TextIOWrapper(io.BytesIO(file.read()), encoding=how.encoding, newline="") as text:
        for _ in range(how.before):
            next(text)
        reader = csv.reader(text, delimiter=how.separator, strict=True)
        try:
            for row in reader:
                if not any(value.strip() for value in row):
                    continue
                line = reader.line_num + how.before
                if len(row) > len(columns):
                    raise DataError(
                        f"{path}, line {line}: {number_of(len(row), 'value')} where the header has "
                        f"{number_of(len(columns), 'column')}; put values that hold a separator in quotes"
                    )
                rows.append((line, dict(zip(columns, row + [""] * (len(columns) - len(row)), strict=True))))
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {first_line(error)}") from error
    return columns, rows[1:]


def refuse_short_rows(how: Delimited) -> None:
    """Refuse a file some of whose rows have too few values: they would be shifted, not missing.

    Raises
    ------
    DataError
        If there is such a row.
    """
    with opened(how.path) as file, io.TextIOWrapper(file, encoding=how.encoding, newline="") as text:
        for _ in range(how.before):
            next(text)
        reader = csv.reader(text, delimiter=how.separator)
        next(reader)
        least = len(how.columns) - how.trailing
        for row in reader:
            if row and len(row) < least:
                raise DataError(
                    f"{how.path}, line {reader.line_num + how.before}: {number_of(len(row), 'value')} where the header has "
                    f"{number_of(least, 'column')}; correct the row"
                )


def _decoded(head: bytes, *, whole: bool) -> tuple[str, str]:
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if encoding is None and head:
        # Text in UTF-16 without a mark has a zero in every other byte.
        even, odd = (head[start::2].count(0) / max(1, len(head) // 2) for start in (0, 1))
        encoding = "utf-16-le" if odd > 0.3 > even else "utf-16-be" if even > 0.3 > odd else None
    if encoding is not None:
        return encoding, head.decode(encoding, "ignore")
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            # The sample may end within a character.
            return encoding, head.decode(encoding) if whole else head[: head.rfind(b"\n") + 1 or None].decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AssertionError("every byte is a character of Latin-1")


def _says_nothing(line: str) -> bool:
    """Return whether a line before the header is none: blank, separators alone, a comment, or Excel's."""
    text = line.strip().strip("\ufeff")
    is_comment = text.startswith("#") and not any(sign in text for sign in _SEPARATORS)
    return not text.strip("".join(_SEPARATORS) + " ") or is_comment or text.lower().startswith("sep=")


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        rows = (row for row in csv.reader(lines, delimiter=separator) if any(value.strip() for value in row))
        return [row for row, _ in zip(rows, range(_SAMPLE_ROWS), strict=False)]
    except csv.Error:
        return []


def _fitness(lines: Sequence[str], separator: str) -> tuple[float, int]:
    """Return how many rows are as wide as the header, and how wide: a sign that is no separator splits them unevenly."""
    rows = _rows(lines, separator)
    if not rows or len(rows[0]) == 1:
        return (0.0, 0)
    widths = Counter(len(row) for row in rows[1:])
    fitting = sum(count for width, count in widths.items() if width in (len(rows[0]), len(rows[0]) + 1))
    return fitting / max(1, len(rows) - 1), len(rows[0])


def _refuse_headless(path: Path, names: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    recurring = [
        name
        for place, name in enumerate(names)
        if name and name not in numbers and any(place < len(row) and name == row[place].strip() for row in body)
    ]
    are_values = bool(numbers) and (bool(recurring) or not _may_be_names(numbers, alone=len(numbers) == len(names)))
    if are_values or len(recurring) > len(names) / 2:
        shown = ", ".join(map(printable, names[:4])) + (" …" if len(names) > 4 else "")
        raise DataError(
            f"{path} has no header: its first row is {shown}. Put a line with the names of the "
            f"{number_of(len(names), 'column')} before it, e.g. f0,f1,…,label"
        )
    if not body:
        raise DataError(f"{path} has a header and no rows; expected a row per item")


def _may_be_names(numbers: Sequence[str], *, alone: bool) -> bool:
    """Return whether numbers in a first row count columns, such as 0, 1, 2 … or years, or name points of a scale."""
    values = [float(number.replace(",", ".")) for number in numbers]
    steps = [after - before for before, after in pairwise(values)]
    if not steps:
        return numbers[0].isdecimal() and (not alone or values[0] in (0, 1))
    even = all(number.isdecimal() for number in numbers) and len(set(steps)) == 1 and steps[0] > 0
    return even or (len(steps) >= _FEWEST_STEPS and all(step > 0 for step in steps))


def _refuse_spaces(path: Path, lines: Sequence[str]) -> None:
    """Refuse a file of one column that is one of several, separated by spaces."""
    widths = {len(line.split()) for line in lines[:_SAMPLE_ROWS] if line.strip()}
    if len(widths) == 1 and widths != {1}:
        raise DataError(f"{path}: {number_of(widths.pop(), 'value')} in each row, separated by spaces; separate them by commas")


def _overhang(path: Path, names: Sequence[str], body: Sequence[Sequence[str]]) -> tuple[bool, bool]:
    """Return whether rows have one more value than the header: at the beginning, or an empty one at the end."""
    longer = [row for row in body if len(row) > len(names)]
    if not longer:
        return False, False
    if any(len(row) > len(names) + 1 for row in longer) or len(longer) < len(body):
        row = longer[0]
        line = next(number for number, other in enumerate(body, start=2) if other is row)
        raise DataError(
            f"{path}, row {line}: {number_of(len(row), 'value')} where the header has {number_of(len(names), 'column')}; "
            "correct the row, or put values that hold a separator in quotes"
        )
    if all(not row[-1].strip() for row in longer):
        return False, True
    first = [row[0] for row in longer]
    if len(set(first)) < len(first):
        raise DataError(
            f"{path}: every row has {number_of(len(names) + 1, 'value')}, but the header {number_of(len(names), 'name')}; "
            "add the missing one"
        )
    return True, False


def _signs(body: Sequence[Sequence[str]], separator: str) -> tuple[str, str | None]:
    """Return the decimal sign, and the sign between thousands if there is one."""
    values = [value.strip() for row in body for value in row]
    comma, point = ([value for value in values if pattern.fullmatch(value)] for pattern in (_COMMA_NUMBER, _POINT_NUMBER))
    grouped = [value for value in values if _THOUSANDS.fullmatch(value)]
    if separator == "," and comma and all(_THOUSANDS.fullmatch(value) for value in comma):
        return ".", ","
    if comma and not point:
        return ",", "." if any("." in value and "," in value for value in grouped) else None
    return ".", None
