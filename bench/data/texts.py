"""A column of texts: each different text once, and which of them each row holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts of n rows."""

    levels: tuple[str, ...]
    codes: Int[np.ndarray, " n"]
    """Index into `levels`; -1 where there is none."""

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> "Texts":
        return Texts(self.levels, self.codes[rows])

    @property
    def spelled(self) -> list[str]:
        """The text of every row, empty where there is none."""
        spelled: list[str] = np.array([*self.levels, ""], dtype=object)[self.codes].tolist()
        return spelled

    def each(self, values: np.ndarray) -> np.ndarray:
        """Return a value for every row from one for every level; NaN where there is no text."""
        spread: np.ndarray = np.append(values, np.nan)[self.codes]
        return spread


def texts_of(values: Any) -> Texts:
    """Return the texts of a pandas series or a list; what is missing has none."""
    codes, levels = pd.factorize(np.asarray(values, dtype=object))
    return Texts(tuple(map(str, levels)), codes)


def joined(parts: Iterable[Texts]) -> Texts:
    """Return several columns as one, sorted, without spaces around the texts; empty ones are missing."""
    parts = list(parts)
    stripped = [[level.strip() for level in part.levels] for part in parts]
    levels = sorted({level for levels in stripped for level in levels} - {""})
    code_of = {level: code for code, level in enumerate(levels)} | {"": -1}
    recoded = [np.array([*(code_of[level] for level in own), -1])[part.codes] for part, own in zip(parts, stripped, strict=True)]
    return Texts(tuple(levels), np.concatenate(recoded))
