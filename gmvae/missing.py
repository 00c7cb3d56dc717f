"""The one rule for what says "no label", in files, tables of labels, arrays and estimators."""

import math
from typing import Any

MISSING = "empty, NaN, None, NA, <NA>, -1, unlabelled, unlabeled"
"""The rule in words, for messages and help texts."""
# `none` and `na` in small letters are classes as likely as not.
_AS_WRITTEN = frozenset({"", "-1", "-1.0", "NA", "None"})
_IN_ANY_CASE = frozenset({"nan", "<na>", "unlabelled", "unlabeled"})
COULD_BE_CLASSES = frozenset({"NA", "None"})
"""Words of the rule that some data use as names of classes."""


def says_missing(text: str) -> bool:
    """Return whether a text, without spaces around it, says that there is no label."""
    return text in _AS_WRITTEN or text.casefold() in _IN_ANY_CASE


def is_missing(value: Any) -> bool:
    """Return whether a value of any type says that there is no label."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return says_missing(value.strip())
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return math.isnan(number) or (number == -1 and not isinstance(value, bool))
