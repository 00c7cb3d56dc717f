"""Columns that should not be features: free text, a label that nobody named, a second label."""

import re
from collections.abc import Sequence

import numpy as np

from bench.data.columns import Roles, as_option, says_label
from bench.data.features import MAX_LEVELS
from bench.data.frames import Frame
from bench.data.labels import MEANS_NOTHING, Labels
from bench.data.reading import Reading
from bench.data.texts import Texts
from bench.errors import DataError, number_of
from bench.wording import printable

_FREE_TEXT = 0.5
"""A text column with more levels than this share of its rows (and than are kept) is no category."""
_MOST_CLASSES = 30
# So few labels can be told apart by accident; so many tell all there is to know.
_FEWEST_LABELS, _MOST_LABELS = 20, 20_000


# Texts that mean a number or a date which is not read as one: what they look like, and how to write them.
_FORMS = {
    r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(\D.*)?": ("dates", "Write them as 2024-12-31"),
    r"[-+]?\d{1,3}([ ,.']\d{3})+([.,]\d+)?": ("numbers with signs between thousands", "Write them as 1234.5"),
    r"[-+]?\d+([.,]\d+)?\s*%": ("percentages", "Write them without the sign"),
}


def _are(form: str, levels: Sequence[str]) -> bool:
    """Return whether texts have a form, but for those that stand for a gap."""
    filled = [level.strip() for level in levels if level.strip() and level.strip().lower() not in MEANS_NOTHING]
    return bool(filled) and all(re.fullmatch(form, level) for level in filled)


def refuse_texts(frame: Frame, roles: Roles, reading: Reading) -> None:
    """Refuse a column that looks like the label where none is named, and a text column that is no category.

    Raises
    ------
    DataError
        If there is such a column.
    """
    texts_of = {place: texts for place in roles.features if (texts := frame.texts(place)) is not None}
    for place, texts in texts_of.items():
        n_levels, called, option = len(texts.levels), frame.called(place), as_option(frame.names[place])
        if n_levels <= MAX_LEVELS:
            continue
        for form, (looks, advice) in _FORMS.items():
            if _are(form, texts.levels):
                raise DataError(
                    f"{frame.path}: the column {called!r} holds {looks} such as {printable(texts.levels[0])!r}. {advice}, "
                    f"or leave it out with --drop-columns {option}"
                )
        if n_levels > _FREE_TEXT * frame.n_rows:
            raise DataError(
                f"{frame.path}: the column {called!r} holds free text ({n_levels:,} different ones in {frame.n_rows:,} rows). "
                f"Leave it out with --drop-columns {option}, say that it names the items with --id-column {option}, or turn it "
                "into numbers with `gmvae-bench embed`"
            )
    if roles.label is not None or reading.label_column is not None or reading.feature_columns:
        return
    named = [place for place in roles.features if says_label(frame.names[place])]
    ends = [place for place in (max(roles.features), min(roles.features)) if place in texts_of]
    for place in (*named, *ends):
        n_levels = len(texts_of[place].levels) if place in texts_of else frame.look(place).n_distinct
        if 2 <= n_levels <= max(_MOST_CLASSES, len(frame.names)):
            called, option = frame.called(place), as_option(frame.names[place])
            raise DataError(
                f"{frame.path}: no column is called label, class, target or y, but {called!r} looks like the label "
                f"({number_of(n_levels, 'different value')}). Say --label-column {option} if it is, --label-column none if "
                "there is no label"
            )


def check_leaks(frame: Frame, roles: Roles, labels: Labels, reading: Reading) -> tuple[str, ...]:
    """Return warnings of columns that tell the label alone and perfectly, or whose name speaks of labels.

    Raises
    ------
    DataError
        If the name of a column speaks of labels and it may be one, unless the user names all features; where the user names the
        label, only if the column tells every label.
    """
    known = np.flatnonzero(labels.codes >= 0)
    if roles.label is None or len(labels.names) < 2:
        return ()
    sample = known if len(known) <= _MOST_LABELS else np.sort(np.random.default_rng(0).choice(known, _MOST_LABELS, replace=False))
    y = labels.codes[sample]
    warnings = []
    for place in roles.features:
        column, name = frame.column(place), frame.names[place]
        values = column.codes if isinstance(column, Texts) else column
        if values.ndim > 1:
            continue
        tells = _tells(values[sample], y, len(labels.names), ordered=not isinstance(column, Texts))
        called, option = frame.called(place), as_option(name)
        few = isinstance(column, Texts) or len(np.unique(values[sample])) <= max(_MOST_CLASSES, len(labels.names))
        speaks = says_label(name) and (tells or few)
        if speaks and not reading.feature_columns and (tells or reading.label_column is None):
            named = "name " if reading.label_column else "name the label with --label-column, or "
            raise DataError(
                f"{frame.path}: the columns {frame.called(roles.label)!r} and {called!r} both look like labels. Leave one out "
                f"with --drop-columns {option}, or keep it: {named}all features with --feature-columns"
            )
        if tells and len(sample) >= _FEWEST_LABELS:
            warnings.append(
                f"warning: the column {called} alone tells every label; if it was made from the label, leave it out "
                f"with --drop-columns {option}"
            )
        elif speaks:
            warnings.append(
                f"warning: the column {called} is a feature; if it is a label too, leave it out with --drop-columns {option}"
            )
    return tuple(warnings)


def _tells(values: np.ndarray, y: np.ndarray, n_classes: int, *, ordered: bool) -> bool:
    """Return whether values tell the class: by a few values of one class each, or, if they are ordered, by an interval per class.

    Codes of texts are not: they count up through the file, and so do classes in a file that is sorted by them.
    """
    order = np.argsort(values, kind="stable")
    sorted_, classes = values[order], y[order]
    if sorted_[0] == sorted_[-1]:
        return False
    same = sorted_[1:] == sorted_[:-1]
    if (same & (classes[1:] != classes[:-1])).any():
        return False
    n_intervals = 1 + int((classes[1:] != classes[:-1]).sum())
    n_values = 1 + int((~same).sum())
    return (ordered and n_intervals == len(np.unique(y))) or (n_values <= 3 * n_classes and n_values < len(y) / 2)
