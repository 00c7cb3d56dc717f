"""What was understood of data, in a few lines: printed, and kept in `dataset.json` and the report."""

from collections import Counter
from collections.abc import Sequence

from bench.data.columns import Roles
from bench.data.features import Feature
from bench.data.frames import Frame
from bench.data.labels import Labels
from bench.errors import number_of
from bench.wording import printable

_NAMES, _CLASSES = 6, 8
_KINDS = {
    "number": ("number", "numbers"),
    "log": ("logarithm (a heavy tail)", "logarithms (heavy tails)"),
    "date": ("date, as days", "dates, as days"),
    "levels": ("category", "categories"),
    "list": ("list", "lists"),
}


def some(names: Sequence[str], most: int = _NAMES) -> str:
    """Return the first of some names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def tell_labels(labels: Labels) -> str:
    """Return classes with counts, and how many items have no label."""
    counts = Counter(labels.codes.tolist())
    missing = counts.pop(-1, 0)
    classes = [f"{printable(labels.names[code])} {count:,}" for code, count in counts.most_common()]
    if not classes:
        return f"none of {number_of(missing, 'item')} has one"
    without = f"; {missing:,} without a label" if missing else ""
    return f"{number_of(len(labels.names), 'class', 'classes')}: {some(classes, _CLASSES)}{without}"


def tell_table(frame: Frame, roles: Roles, features: Sequence[Feature], labels: Labels) -> tuple[str, ...]:
    """Return a line each for labels, names of rows, features, gaps and what is left out."""
    n_features = sum(feature.n_features for feature in features)
    sizes = f"{number_of(frame.n_rows, 'row')}, {number_of(n_features, 'feature')} from {_kinds(features)}"
    lines = [f"{printable(frame.path.name)}: {sizes}"]
    lines.append(
        "labels: no column for them" if roles.label is None else f"labels: {_column(frame, roles.label)}, {tell_labels(labels)}"
    )
    if roles.ids is not None:
        lines.append(f"names of items: {_column(frame, roles.ids)}")
    gaps = [f"{feature.column} {feature.gaps:,}" for feature in features if feature.gaps]
    if gaps:
        lines.append(f"gaps: {some(gaps)}; filled with the median and marked, or a category of their own")
    constant = [feature.column for feature in features if feature.constant]
    if constant:
        lines.append(f"constant, so they tell nothing: {some(constant)}")
    wide = [feature.column for feature in features if feature.kind == "levels" and feature.others]
    if wide:
        lines.append(f"rare categories share one feature: in {some(wide)}")
    if roles.left_out:
        lines.append(f"left out: {some([f'{name} ({why})' for name, why in roles.left_out])}")
    return tuple(lines)


def _column(frame: Frame, place: int) -> str:
    return f"column {frame.called(place)}" if frame.names[place] else frame.called(place)


def _kinds(features: Sequence[Feature]) -> str:
    """Return how many columns of each kind there are, with the names of those that are no plain numbers."""
    said = []
    for kind, (one, many) in _KINDS.items():
        names = [feature.column for feature in features if feature.kind == kind]
        if names:
            which = "" if kind == "number" else f": {some(names)}"
            said.append(f"{len(names):,} {one if len(names) == 1 else many}{which}")
    return "; ".join(said)
