"""Columns that should not be features: free text, a label that nobody named, a second label."""

import numpy as np

from bench.data.columns import Roles, says_label
from bench.data.dataset import printable
from bench.data.features import MAX_LEVELS
from bench.data.frames import Frame
from bench.data.labels import Labels
from bench.data.reading import Reading
from bench.data.texts import Texts
from bench.errors import DataError, number_of

_FREE_TEXT = 0.5
"""A text column with more levels than this share of its rows (and than are kept) is no category."""
_MOST_CLASSES = 30
# So few labels can be told apart by accident; so many tell all there is to know.
_FEWEST_LABELS, _MOST_LABELS = 20, 20_000


def refuse_texts(frame: Frame, roles: Roles, reading: Reading) -> None:
    """Refuse a text column that looks like the label where none is named, and one that is no category.

    Raises
    ------
    DataError
        If there is such a column.
    """
    n_levels_of = {place: len(texts.levels) for place in roles.features if (texts := frame.texts(place)) is not None}
    for place, n_levels in n_levels_of.items():
        n_rows = frame.n_rows
        if n_levels > MAX_LEVELS and n_levels > _FREE_TEXT * n_rows:
            called = frame.called(place)
            raise DataError(
                f"{frame.path}: the column {called!r} holds free text ({n_levels:,} different ones in {n_rows:,} rows). Leave it "
                f"out with --drop-columns {called}, say that it names the items with --id-column {called}, or turn it into "
                "numbers with `gmvae-bench embed`"
            )
    if roles.label is not None or reading.label_column is not None or reading.feature_columns:
        return
    ends = (max(roles.features), min(roles.features))
    named = [place for place in n_levels_of if says_label(frame.names[place])]
    for place in (*named, *(place for place in ends if place in n_levels_of)):
        n_levels = n_levels_of[place]
        if 2 <= n_levels <= max(_MOST_CLASSES, len(frame.names)):
            called = frame.called(place)
            raise DataError(
                f"{frame.path}: no column is called label, class, target or y, but {called!r} looks like the label "
                f"({number_of(n_levels, 'text')}). Say --label-column {called} if it is, --label-column none if there is no label"
            )


def check_leaks(frame: Frame, roles: Roles, labels: Labels) -> tuple[str, ...]:
    """Return warnings of columns that tell the label alone and perfectly.

    Raises
    ------
    DataError
        If the name of such a column speaks of labels, or it holds texts and does: it is the label in other words.
    """
    known = np.flatnonzero(labels.codes >= 0)
    if roles.label is None or len(labels.names) < 2:
        return ()
    sample = known if len(known) <= _MOST_LABELS else np.sort(np.random.default_rng(0).choice(known, _MOST_LABELS, replace=False))
    y = labels.codes[sample]
    warnings = []
    for place in roles.features:
        column, name = frame.column(place), frame.names[place]
        is_text = isinstance(column, Texts)
        values = column.codes if isinstance(column, Texts) else column
        if values.ndim > 1:
            continue
        tells = _tells(values[sample], y, len(labels.names))
        if says_label(name) and (tells or is_text):
            raise DataError(
                f"{frame.path}: the columns {frame.called(roles.label)!r} and {frame.called(place)!r} both look like labels. "
                f"Leave one out with --drop-columns {printable(name)}, or keep it by naming all features with --feature-columns"
            )
        if tells and len(sample) >= _FEWEST_LABELS:
            warnings.append(
                f"warning: the column {frame.called(place)} alone tells every label; if it was made from the label, leave it out "
                f"with --drop-columns {printable(name)}"
            )
    return tuple(warnings)


def _tells(values: np.ndarray, y: np.ndarray, n_classes: int) -> bool:
    """Return whether values tell the class: by a few values of one class each, or by an interval per class."""
    order = np.argsort(values, kind="stable")
    ordered, classes = values[order], y[order]
    if ordered[0] == ordered[-1]:
        return False
    same = ordered[1:] == ordered[:-1]
    if (same & (classes[1:] != classes[:-1])).any():
        return False
    n_intervals = 1 + int((classes[1:] != classes[:-1]).sum())
    n_values = 1 + int((~same).sum())
    return n_intervals == len(np.unique(y)) or (n_values <= 3 * n_classes and n_values < len(y) / 2)
