"""Labels that a user gives in a table of their own: `item` and `label`, as `select` writes it and the user fills it in."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from bench.data.delimited import text_rows
from bench.data.labels import (
    case_notes,
    doubtful_notes,
    label_texts,
    missing_notes,
    refuse_two_words,
    without_missing,
    written_numbers,
)
from bench.errors import DataError, number_of, unknown_name
from bench.labelling.exported import exported_rows
from bench.plan.samplers import RANDOM
from bench.wording import printable

ITEM, ID, LABEL, SAMPLER = "item", "id", "label", "sampler"
_ALSO_LABEL = frozenset({"class", "target", "y"})
_MAX_NAMED, _MAX_DIGITS = 5, 15


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """What a user knows of a pool."""

    items: Int[np.ndarray, " s"]
    """Pool indices, each once, in the order given."""
    codes: Int[np.ndarray, " s"]
    """Class of each, an index into `class_names`."""
    class_names: tuple[str, ...]
    """As the user wrote them."""
    samplers: tuple[str, ...] = ()
    """Which sampler asked for each; empty where the table does not say."""
    notes: tuple[str, ...] = ()
    """What was taken for "no label"."""
    n_unanswered: int = 0
    """Items drawn at random that are in the table without a label."""
    came_with_data: bool = False
    """Whether there is no table."""

    @property
    def says_drawn(self) -> bool:
        """Whether the table says how items were chosen."""
        return bool(self.samplers)

    @property
    def assumed(self) -> str:
        """What an estimate from those drawn at random takes for granted."""
        table = ", if those items were drawn at random, which " + ("the data do" if self.came_with_data else "the table does")
        left_out = f"; it leaves out {number_of(self.n_unanswered, 'random item')} without a label" if self.n_unanswered else ""
        return ("" if self.says_drawn else f"{table} not say") + left_out

    @property
    def drawn(self) -> Bool[np.ndarray, " s"]:
        """Whether each was drawn at random, and so stands for the pool; all, if the table does not say."""
        return np.array([sampler == RANDOM for sampler in self.samplers or (RANDOM,) * len(self.items)], bool)


def read_given(
    path: Path,
    n_pool: int,
    ids: Sequence[str] | None,
    class_names: Sequence[str] = (),
    *,
    closed: bool = False,
    missing: Iterable[str] | None = None,
) -> GivenLabels:
    """Read a CSV table with the columns `item` (or `id`) and `label`, or an export of Label Studio; rows without one are skipped.

    Parameters
    ----------
    ids
        Names of the pool's items, if they have any: then `id` may replace `item`.
    class_names
        Classes of the data; classes that only the table names follow them.
    closed
        Whether to refuse other classes than those.
    missing
        Words that mean "no label"; by default those of `gmvae.missing`.

    Raises
    ------
    DataError
        If the table cannot be read, or names an item that is not there, an item twice, or a class that is not.
    """
    rows = _read(path)
    key = ITEM if ITEM in rows[0][1] else ID
    index_of = {name: index for index, name in enumerate(ids or ())} if key == ID else {}
    said, words = without_missing(written_numbers(label_texts([row[LABEL] for _, row in rows])), missing)
    if missing is None:
        refuse_two_words(path.name, words)
    for (_, row), label in zip(rows, said, strict=True):
        row[LABEL] = label
    filled = [(line, row) for line, row in rows if row[LABEL]]
    if not filled:
        raise DataError(f"{path} has no label: fill in the column {LABEL!r} of its {len(rows):,} rows")
    items = [_item(path, line, row[key].strip(), n_pool, index_of, key) for line, row in filled]
    if key == ITEM and ids and ID in rows[0][1]:
        for item, (line, row) in zip(items, filled, strict=True):
            if row[ID].strip() and row[ID].strip() != ids[item]:
                raise DataError(f"{path}, line {line}: item {item} is {ids[item]!r}, not {printable(row[ID].strip())!r}")
    labels = [printable(row[LABEL]) for _, row in filled]
    _check_once(path, items, labels)
    new = set(labels) - set(class_names)
    if new and closed:
        raise DataError(f"{path}: {unknown_name('class', min(new), class_names)}")
    names = (*class_names, *_sorted(new))
    says = SAMPLER in rows[0][1]
    codes = np.array([names.index(label) for label in labels], np.int64)
    doubtful = doubtful_notes(path.name, names, codes, optional=False)
    return GivenLabels(
        items=np.array(items, np.int64),
        codes=codes,
        class_names=names,
        samplers=tuple(row[SAMPLER].strip() for _, row in filled) if says else (),
        notes=(*missing_notes(path.name, words, optional=False), *case_notes(path.name, names), *doubtful),
        n_unanswered=sum(says and row[SAMPLER].strip() == RANDOM and not row[LABEL] for _, row in rows),
    )


def n_filled(path: Path) -> int:
    """Return how many labels a table holds; 0 if it is no such table."""
    try:
        return sum(bool(row[LABEL].strip()) for _, row in _read(path))
    except DataError:
        return 0


def check_agreement(given: GivenLabels, path: Path, known: Int[np.ndarray, " n"]) -> None:
    """Refuse a table that contradicts the labels of the data (`known`, -1 where unknown).

    Raises
    ------
    DataError
        If it does.
    """
    other = np.flatnonzero((known[given.items] >= 0) & (known[given.items] != given.codes))
    if len(other):
        item, says = int(given.items[other[0]]), given.class_names[given.codes[other[0]]]
        brought = given.class_names[known[item]]
        raise DataError(f"{path} contradicts the data: item {item} is {says!r} there, {brought!r} in the data; correct one")


def check_enough(codes: Int[np.ndarray, " s"], class_names: Sequence[str], path: Path, *, allow_singletons: bool) -> None:
    """Refuse labels that nothing can be learnt from, or that look like typing errors.

    Raises
    ------
    DataError
        If there is one class, fewer labels than classes, or (unless allowed) a class with a single label.
    """
    counts = Counter(class_names[code] for code in codes)
    if len(counts) < 2:
        raise DataError(f"{path} names one class, {next(iter(counts))!r}; label items of at least two")
    if len(codes) < len(class_names):
        raise DataError(
            f"{path} has {len(codes):,} labels for {len(class_names):,} classes; label more: "
            "`gmvae-bench select` says which items to ask for next"
        )
    single = sorted(name for name, count in counts.items() if count == 1)
    if single and not allow_singletons:
        raise DataError(
            f"{path} has one label each of {_some([repr(name) for name in single])}: a typing error? Correct it, label "
            "another item of that class, or say that it is right with --allow-singletons"
        )


def _read(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a table of labels, each with its line; its columns in small letters."""
    if not path.is_file():
        raise DataError(f"cannot read {path}: No such file; expected a CSV file with the columns item and label")
    names, rows = exported_rows(path) if path.suffix.lower() == ".json" else text_rows(path)
    columns = [name.casefold() for name in names]
    if len(set(columns)) < len(columns):
        raise DataError(f"{path} has two columns of one name: {', '.join(map(printable, names))}; rename or drop one")
    if LABEL not in columns:
        # As `label` itself writes it, and as data tables may have it.
        columns = [LABEL if name in _ALSO_LABEL and len(_ALSO_LABEL & set(columns)) == 1 else name for name in columns]
    if LABEL not in columns or not {ITEM, ID} & set(columns):
        raise DataError(f"{path} has the columns {', '.join(map(printable, names)) or 'none'}; expected item (or id) and label")
    if not rows:
        raise DataError(f"{path} has no rows; expected one per labelled item")
    return [(line, dict(zip(columns, row.values(), strict=True))) for line, row in rows]


def _item(path: Path, line: int, text: str, n_pool: int, index_of: dict[str, int], key: str) -> int:
    if key == ID:
        if text not in index_of:
            padded = next((name for name in index_of if text and name.lstrip("0") == text.lstrip("0")), None)
            lost = f"; it has {padded!r}, so zeros were lost or added: keep names as texts" if padded else ""
            raise DataError(f"{path}, line {line}: no item of the data is called {printable(text)!r}{lost}")
        return index_of[text]
    # As a spreadsheet writes whole numbers of a column with gaps.
    text = text.removesuffix(".0")
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS) or int(text) >= n_pool:
        raise DataError(f"{path}, line {line}: item {printable(text)!r} is not in the pool; expected 0 … {n_pool - 1:,}")
    return int(text)


def _check_once(path: Path, items: list[int], labels: list[str]) -> None:
    said: dict[int, str] = {}
    again: list[int] = []
    contradicting: list[int] = []
    for item, label in zip(items, labels, strict=True):
        if item in said:
            (again if said[item] == label else contradicting).append(item)
        said.setdefault(item, label)
    if contradicting:
        item = contradicting[0]
        both = [label for other, label in zip(items, labels, strict=True) if other == item]
        raise DataError(f"{path} contradicts itself: item {item} is {' and '.join(map(repr, dict.fromkeys(both)))}; keep one")
    if again:
        raise DataError(f"{path} names items twice: {_some([str(item) for item in again])}; keep one row of each")


def _sorted(names: set[str]) -> tuple[str, ...]:
    numbers = all(name.isascii() and name.isdecimal() and len(name) <= _MAX_DIGITS for name in names)
    return tuple(sorted(names, key=int) if numbers else sorted(names))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MAX_NAMED]) + (f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else "")
