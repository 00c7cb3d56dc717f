"""What a user may say of their data, where it is not to be guessed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Int

from bench.errors import SettingsError

AUTO = "auto"
"""Held-out items: those of data that come as parts called training and test."""
NONE = "none"
"""Says "no such column" where a column is named."""


@dataclass(frozen=True)
class Reading:
    """How to read data; `None` and empty mean: found out from the data."""

    label_column: str | None = None
    """Of a table; `none` says that it has none."""
    id_column: str | None = None
    drop_columns: tuple[str, ...] = ()
    feature_columns: tuple[str, ...] = ()
    """If given, all others are left out."""
    log_columns: tuple[str, ...] = ()
    """Columns of a table that are read as logarithms; `none` for no column."""
    missing_label: tuple[str, ...] | None = None
    """Words that mean "no label" instead of those of `gmvae.missing`; an empty cell always does."""
    x: str | None = None
    """Array of an archive that holds the items."""
    y: str | None = None
    """Array of an archive that holds the labels."""
    image_size: int | None = None
    """Side in pixels that images of a folder are brought to."""
    color: str = "auto"
    """`auto` keeps colours where there are any; `grey` does not."""
    max_items: int | None = None
    """A larger pool is thinned to that many items, drawn at random, the same ones every time."""


_OF_TABLES = ("label_column", "id_column", "drop_columns", "feature_columns", "log_columns")
_OF_ALL = ("max_items",)
OF_KIND: Mapping[str, tuple[str, ...]] = {
    "table": (*_OF_TABLES, "missing_label", *_OF_ALL),
    "array": ("x", "y", "missing_label", *_OF_ALL),
    "folder of images": ("image_size", "color", *_OF_ALL),
    "data set by name": _OF_ALL,
}
"""What can be said of which kind of data."""


def refuse_others(data: str, kind: str, reading: Reading) -> None:
    """Refuse what is said of data of another kind.

    Raises
    ------
    SettingsError
        If something is.
    """
    said = [one.name for one in fields(Reading) if getattr(reading, one.name) != one.default]
    wrong = next((name for name in said if name not in OF_KIND[kind]), None)
    if wrong is not None:
        of = " or ".join(f"a {name}" for name, known in OF_KIND.items() if wrong in known)
        raise SettingsError(f"--{wrong.replace('_', '-')} is for {of}; {data} is a {kind}, so leave it out")


Rows = Callable[[int], Int[np.ndarray, " p"]]
"""Given how many items there are, the indices of those in the pool: what is learnt from data is learnt from them alone."""
Progress = Callable[[float], None]
"""Called with the share that is read so far, 0 to 1."""


def all_rows(n: int) -> Int[np.ndarray, " n"]:
    """Return the indices of all items."""
    return np.arange(n)


def no_progress(_: float) -> None:
    """Tell nobody."""
