"""From what stands in a label column or array to class codes: one rule for every kind of file."""

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from bench.errors import DataError, number_of
from bench.wording import printable
from gmvae.missing import COULD_BE_CLASSES, says_missing

_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"^(-?[1-9]\d*|0)[.,]0+$")
# More different numbers with decimals than this are a quantity, not classes.
_MOST_DECIMAL_CLASSES = 20


MEANS_NOTHING = frozenset({"?", "-", "--", "n/a", "n.a.", "null", "none", "nil", "missing", "unknown", "not available"})
"""Words, in small letters, that mean "no label" to many, but are classes here unless said otherwise."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of some items."""

    codes: Int[np.ndarray, " n"]
    """Class of each, an index into `names`; -1 where there is no label."""
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What was taken for what, where a reader might think otherwise."""


def read_labels(where: str, values: Sequence[Any] | np.ndarray, missing: Iterable[str] | None = None) -> Labels:
    """Return the classes of labels of any type.

    Parameters
    ----------
    where
        Names the labels in messages.
    values
        (n,) numbers, texts, bytes, truth values or objects of these; `None` and NaN have no label.
    missing
        Words that mean "no label"; by default those of `gmvae.missing`.

    Raises
    ------
    DataError
        If the labels are a quantity, or both NA and None occur, so that they may be classes.
    """
    given = label_texts(values)
    texts, taken = without_missing(given, missing)
    if missing is None:
        refuse_two_words(where, taken)
    names = class_names(texts)
    _refuse_quantity(where, names, most=0 if np.asarray(values).dtype.kind == "f" else _MOST_DECIMAL_CLASSES)
    code_of = {name: code for code, name in enumerate(names)} | {"": -1}
    codes = np.fromiter((code_of[text] for text in texts), np.int64, len(texts))
    notes = (
        *missing_notes(where, taken),
        *case_notes(where, names),
        *doubtful_notes(where, names, codes),
        *_many_notes(where, names, int((codes >= 0).sum())),
    )
    return Labels(codes, names, notes)


def label_texts(values: Sequence[Any] | np.ndarray) -> list[str]:
    """Return labels as texts: whole numbers without decimals, without spaces around and with single ones within."""
    array = np.asarray(values)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind in "iub":
        return list(map(str, array.tolist()))
    if array.dtype.kind in "fO":
        known: dict[Any, str] = {}
        return [known[value] if value in known else known.setdefault(value, _as_text(value)) for value in array.tolist()]
    cleaned = {text: " ".join(text.split()) for text in set(array.tolist())}
    return [cleaned[text] for text in array.tolist()]


def _as_text(value: Any) -> str:
    if value is None or value != value or type(value).__name__ == "NAType":
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())


def without_missing(texts: Sequence[str], missing: Iterable[str] | None = None) -> tuple[list[str], Counter[str]]:
    """Return labels with "" where they say that there is none, and how often each word said so; empty ones are not counted."""
    words = None if missing is None else {" ".join(word.split()) for word in missing} | {""}
    blank = {text: "" if (says_missing(text) if words is None else text in words) else text for text in set(texts)}
    return [blank[text] for text in texts], Counter(text for text in texts if text and not blank[text])


def class_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels, sorted as numbers where all are whole numbers."""
    names = sorted(set(texts) - {""})
    return tuple(sorted(names, key=int) if all(name.isdecimal() for name in names) else names)


def codes_into(where: str, values: np.ndarray, names: Sequence[str], missing: Iterable[str] | None = None) -> Labels:
    """Return labels as codes into given names: whole numbers are codes already.

    Raises
    ------
    DataError
        If a label is none of the names, or no whole number.
    """
    texts, taken = without_missing(label_texts(values), missing)
    if values.dtype.kind in "iuf":
        _refuse_quantity(where, class_names(texts), most=0)
        codes = np.array([int(text) if text else -1 for text in texts], np.int64)
        if codes.min(initial=-1) < -1:
            raise DataError(f"{where}: class {codes.min()} is no place in class_names; expected 0 … {len(names) - 1}")
        if codes.max(initial=-1) >= len(names):
            raise DataError(f"{where}: class {codes.max()} has no name; class_names has {number_of(len(names), 'name')}")
        return Labels(codes, tuple(names), missing_notes(where, taken))
    code_of = {name: code for code, name in enumerate(names)} | {"": -1}
    unknown = sorted(set(texts) - set(code_of))
    if unknown:
        raise DataError(f"{where}: labels {', '.join(map(printable, unknown[:5]))} are not among class_names")
    return Labels(np.array([code_of[text] for text in texts], np.int64), tuple(names), missing_notes(where, taken))


def written_numbers(texts: Sequence[str]) -> list[str]:
    """Return whole numbers that were written with decimals, as of a column with gaps, without them: `3.0` is 3.

    Only if all texts are numbers: `03`, `1.10` and `1E5` stay as written.
    """
    filled = {text for text in texts if not says_missing(text)}
    if not filled or not all(_NUMBER.fullmatch(text) for text in filled):
        return list(texts)
    return [_WHOLE.sub(r"\1", text) for text in texts]


def refuse_two_words(where: str, taken: Counter[str]) -> None:
    """Refuse labels among which both words occur that may be names of classes.

    Raises
    ------
    DataError
        If they do.
    """
    if set(taken) >= COULD_BE_CLASSES:
        said = " and ".join(f"{word!r} ({number_of(taken[word], 'item')})" for word in sorted(COULD_BE_CLASSES))
        raise DataError(
            f"{where}: {said} both occur. If they are classes, say --missing-label '' (empty cells alone have no label); if not, "
            "--missing-label NA,None"
        )


def _refuse_quantity(where: str, names: Sequence[str], most: int) -> None:
    numbers = {name: float(name.replace(",", ".")) for name in names if _NUMBER.fullmatch(name)}
    broken = [name for name, number in numbers.items() if not number.is_integer()]
    if len(broken) > most:
        raise DataError(
            f"{where}: labels such as {broken[0]} are not whole numbers; expected classes, not a quantity. "
            "--label-column names another column of a table, --y another array"
        )


def missing_notes(where: str, taken: Counter[str], *, optional: bool = True) -> tuple[str, ...]:
    """Say which words were taken for "no label", and how often; and, if there is one, the option that takes others."""
    if not taken:
        return ()
    words = ", ".join(f"{word!r} {count:,}" for word, count in sorted(taken.items()))
    return (f"{where}: no label where it says {words}{' (--missing-label takes other words)' if optional else ''}",)


def doubtful_notes(where: str, names: Sequence[str], codes: Int[np.ndarray, " n"], *, optional: bool = True) -> tuple[str, ...]:
    """Warn of classes whose names mean "no label" to many, and say how to take them so."""
    words = [(name, int((codes == code).sum())) for code, name in enumerate(names) if name.strip().lower() in MEANS_NOTHING]
    if not words:
        return ()
    said = ", ".join(f"{name!r} ({number_of(count, 'item')})" for name, count in words)
    mend = f"say --missing-label with every word that does, e.g. {shlex.quote(','.join(name for name, _ in words))}"
    return (f"warning: {where}: classes called {said}; if that means no label, {mend if optional else 'leave the cell empty'}",)


def _many_notes(where: str, names: Sequence[str], n_known: int) -> tuple[str, ...]:
    if len(names) <= max(_MOST_DECIMAL_CLASSES, n_known / 2):
        return ()
    return (f"warning: {where}: {len(names):,} classes for {n_known:,} labels; is it the label (--label-column)?",)


def case_notes(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """Name classes that differ in case alone."""
    alike = defaultdict(list)
    for name in names:
        alike[name.casefold()].append(name)
    return tuple(
        f"{where}: the classes {' and '.join(map(repr, map(printable, same)))} differ in case alone; make them one if they are"
        for same in alike.values()
        if len(same) > 1
    )
