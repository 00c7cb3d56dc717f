"""Which column of a table is what: label, name of the row, feature, or nothing."""

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.data.reading import NONE, Reading
from bench.errors import DataError, SettingsError, number_of
from bench.wording import printable

LABEL_NAMES = ("label", "class", "target", "y")
"""What a label column is called, in any case; the first is looked for first in messages."""
_LABEL_NAMES = frozenset({*LABEL_NAMES, "labels", "classes", "targets"})
_LABEL_WORDS = frozenset({"label", "labels", "class", "target", "targets"})
_ID_NAMES = frozenset({"id", "uuid", "guid", "file", "filename", "file_name", "file name", "path"})
_INDEX_NAMES = frozenset({"", "#", "index", "idx", "row", "row_number", "rownames", "row_names", "row.names", "no", "nr", "obs"})
_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)?|level_\d+|__index_level_\d+__|)")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Fewer rows than this count upwards by accident.
_FEWEST_COUNTED = 10
_NAMES_ROWS = "names the rows"


@dataclass(frozen=True)
class Look:
    """What the role of a column depends on beside its name."""

    n_rows: int
    n_distinct: int
    is_empty: bool
    numbers: np.ndarray | None
    """Its values, if they are numbers."""


@dataclass(frozen=True)
class Roles:
    """What the columns of a table are, by position."""

    label: int | None
    ids: int | None
    features: tuple[int, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Names of columns that are no features, and why."""


def as_option(name: str) -> str:
    """Return the name of a column as it is written on the command line."""
    return shlex.quote(printable(name))


def printable_name(name: str, place: int) -> str:
    """Return what a column is called in messages."""
    return printable(name) or f"column {place + 1} (without a name)"


def name_roles(path: Path, names: Sequence[str], reading: Reading) -> tuple[int | None, frozenset[int]]:
    """Return the label column, and the columns that may name rows, by their names alone.

    Raises
    ------
    DataError
        If a named column is not there, or two columns may be the label.
    """
    label = _label(path, names, reading)
    named = None if reading.id_column in (None, NONE) else find_column(path, names, str(reading.id_column), "--id-column")
    kept = _wanted(path, names, reading)
    if named is not None:
        return label, frozenset({named})
    if reading.id_column == NONE:
        return label, frozenset()
    return label, frozenset(
        place for place, name in enumerate(names) if place != label and place not in kept and _is_id_name(name)
    )


def ignored(path: Path, names: Sequence[str], reading: Reading) -> frozenset[int]:
    """Return the columns that the user leaves out."""
    label, id_like = name_roles(path, names, reading)
    wanted = _wanted(path, names, reading)
    others = {*range(len(names))} - {*wanted, *id_like, label} if wanted else set()
    return frozenset(_dropped(path, names, reading) | others)


def assign_roles(path: Path, names: Sequence[str], reading: Reading, look: Callable[[int], Look]) -> Roles:
    """Return what each column is, by its name, its values and what the user says.

    Raises
    ------
    DataError
        If the columns cannot be told apart.
    """
    label, id_like = name_roles(path, names, reading)
    wanted, dropped = _wanted(path, names, reading), _dropped(path, names, reading)
    ids: int | None = None
    left_out: dict[int, str] = {}
    for place, name in enumerate(names):
        if place == label or place in wanted:
            continue
        if place in dropped:
            left_out[place] = "--drop-columns"
        elif ids is None and place in id_like and _names_rows(path, name, look(place), reading):
            ids = place
        elif wanted:
            left_out[place] = "not in --feature-columns"
        elif (why := _why_no_feature(path, name, place, look(place), id_like=place in id_like)) is not None:
            left_out[place] = why
            if ids is None and why == _NAMES_ROWS and reading.id_column is None:
                ids = place
    left_out.pop(-1 if ids is None else ids, None)
    features = tuple(place for place in range(len(names)) if place not in (label, ids) and place not in left_out)
    if not features:
        raise DataError(f"{path}: no column is left as a feature; it has {_listed(names)}")
    return Roles(label, ids, features, tuple((printable_name(names[place], place), why) for place, why in left_out.items()))


def _label(path: Path, names: Sequence[str], reading: Reading) -> int | None:
    given = reading.label_column
    if given is not None and (given != NONE or NONE in names):
        return find_column(path, names, given, "--label-column")
    if given == NONE:
        return None
    taken = _wanted(path, names, reading) | _dropped(path, names, reading)
    likely = [place for place, name in enumerate(names) if name.casefold() in _LABEL_NAMES and place not in taken]
    folded = [name.casefold() for name in names]
    if len(likely) > 1 and "x" in folded and "y" in folded:
        # Beside a column x, y is a coordinate.
        likely = [place for place in likely if folded[place] != "y"]
    if len(likely) > 1:
        both = " and ".join(repr(printable(names[place])) for place in likely)
        raise DataError(
            f"{path}: the columns {both} both look like labels. Say which one is with --label-column, and leave the other out "
            f"with --drop-columns {as_option(names[likely[1]])}"
        )
    return likely[0] if likely else None


def _wanted(path: Path, names: Sequence[str], reading: Reading) -> frozenset[int]:
    return frozenset(find_column(path, names, name, "--feature-columns") for name in reading.feature_columns)


def _dropped(path: Path, names: Sequence[str], reading: Reading) -> frozenset[int]:
    return frozenset(find_column(path, names, name, "--drop-columns") for name in reading.drop_columns)


def says_role(name: str) -> bool:
    """Return whether the name of a column says that it is the label, or names the rows."""
    return name.strip().casefold() in _LABEL_NAMES or _is_id_name(name.strip())


def as_logarithms(path: Path, names: Sequence[str], reading: Reading) -> dict[int, bool] | None:
    """Return which columns are to be read as logarithms, if the user says so; no others are."""
    if not reading.log_columns:
        return None
    return {find_column(path, names, name, "--log-columns"): True for name in reading.log_columns if name != NONE}


def says_label(name: str) -> bool:
    """Return whether the name of a column speaks of labels: `class_name`, `targetId`."""
    return bool(_LABEL_WORDS & {word.lower() for word in _WORDS.findall(name)})


def _is_id_name(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    return name.casefold() in _ID_NAMES or (len(words) > 1 and words[-1] == "id" and not says_label(name))


def _names_rows(path: Path, name: str, column: Look, reading: Reading) -> bool:
    """Return whether the values of an id-like column differ.

    Raises
    ------
    DataError
        If they do not, although the column is called `id` or the user says that it names the rows.
    """
    if column.n_distinct == column.n_rows:
        return True
    if name.casefold() == "id" or reading.id_column is not None:
        raise DataError(
            f"{path}: {number_of(column.n_distinct, 'different name')} for {number_of(column.n_rows, 'item')} in the column "
            f"{printable(name)!r}; each needs its own (--id-column none: no column names the items)"
        )
    return False


def _why_no_feature(path: Path, name: str, place: int, column: Look, *, id_like: bool) -> str | None:
    if column.is_empty:
        return "empty"
    if id_like:
        return "names the rows too" if column.n_distinct == column.n_rows else "names groups of rows"
    if column.numbers is not None and column.n_rows >= _FEWEST_COUNTED and _counts(column.numbers):
        return f"counts the rows, {column.numbers[0]:g} … {column.numbers[-1]:g}"
    unnamed = _UNNAMED.fullmatch(name) is not None
    if unnamed or name.casefold() in _INDEX_NAMES:
        is_whole = column.numbers is not None and bool((column.numbers == np.round(column.numbers)).all())
        if column.n_distinct == column.n_rows and (is_whole or column.numbers is None):
            return "numbers the rows" if is_whole else _NAMES_ROWS
    if unnamed:
        raise DataError(
            f"{path}: column {place + 1} has no name. Give it one, or say with --feature-columns which columns are features"
        )
    return None


def _counts(numbers: np.ndarray) -> bool:
    """Return whether numbers are 0, 1, 2 … or 1, 2, 3 …."""
    first = numbers[0]
    return first in (0, 1) and bool((numbers == np.arange(len(numbers)) + first).all())


def find_column(path: Path, names: Sequence[str], name: str, option: str) -> int:
    """Return the position of a column that the user names, in its own case or the only one that fits.

    Raises
    ------
    DataError
        If there is no such column, or several.
    """
    exact = [place for place, other in enumerate(names) if other == name.strip()]
    fitting = exact or [place for place, other in enumerate(names) if other.casefold() == name.strip().casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DataError(f"{path}: {len(fitting)} columns are called {name!r}, which {option} names; give them different names")
    near = difflib.get_close_matches(name, list(names), n=1)
    hint = f"; did you mean {printable(near[0])!r}?" if near else ""
    raise DataError(f"{path}: no column {name!r} in the table, which {option} names; it has {_listed(names)}{hint}")


def _listed(names: Iterable[str]) -> str:
    shown = [printable_name(name, place) for place, name in enumerate(names)]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")


def check_options(reading: Reading) -> None:
    """Refuse options that contradict each other.

    Raises
    ------
    SettingsError
        If a column is to be a feature and something else.
    """
    named = [name for name in (reading.label_column, reading.id_column) if name not in (None, NONE)]
    both = set(reading.feature_columns) & {*reading.drop_columns, *named}
    if both:
        raise SettingsError(
            f"--feature-columns names {min(both)!r}, which another option gives another role; leave it out of one"
        )
