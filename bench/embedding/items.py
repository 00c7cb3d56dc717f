"""The items to embed: images of a folder, or the texts of a column."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from bench.data.columns import find_column, name_roles
from bench.data.dataset import Dataset
from bench.data.folders import image_paths, labels_of_folders
from bench.data.frames import Frame
from bench.data.labels import Labels
from bench.data.pictures import open_picture
from bench.data.reading import Progress, Reading
from bench.data.registry import load_dataset
from bench.data.tables import is_table, labels_of, read_frame
from bench.data.understood import tell_labels
from bench.embedding.models import Kind
from bench.errors import DataError, SettingsError, number_of


class Source(Protocol):
    """Items that are read when they are asked for."""

    @property
    def kind(self) -> Kind:
        """What the items are."""

    @property
    def labels(self) -> Labels:
        """Of all items."""

    @property
    def ids(self) -> tuple[str, ...] | None:
        """Names of the items."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for what, to be told."""

    @property
    def identity(self) -> str:
        """Changes with the items."""

    def __len__(self) -> int: ...

    def batch(self, begin: int, end: int) -> list[Any]:
        """Return some of the items."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images of a folder, as they are."""

    folder: Path
    ids: tuple[str, ...]
    labels: Labels
    parts: frozenset[str]
    kind: Kind = "images"

    @property
    def identity(self) -> str:
        """Names, sizes and times of the files."""
        stats = {name: (self.folder / name).stat() for name in self.ids}
        return "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats.items())

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for what."""
        joined = f"{', '.join(sorted(self.parts))} are parts of a split, not classes: embed each by itself to hold one out"
        return (*([joined] if self.parts else []), *self.labels.notes)

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, begin: int, end: int) -> list[Any]:
        """Return some images in red, green and blue, transparent parts on white."""
        return [open_picture(self.folder / name) for name in self.ids[begin:end]]


@dataclass(frozen=True, eq=False)
class Arrays:
    """Images of a data set that is read whole."""

    dataset: Dataset
    kind: Kind = "images"

    @property
    def labels(self) -> Labels:
        """Those of the data set."""
        return Labels(self.dataset.labels, self.dataset.class_names)

    @property
    def ids(self) -> tuple[str, ...] | None:
        """Those of the data set."""
        return self.dataset.ids

    @property
    def notes(self) -> tuple[str, ...]:
        """What was understood of the data set."""
        joined = ("the test part is among the items: --holdout 0.2 of `run` holds a part out",) if self.dataset.is_split else ()
        return (*self.dataset.notices(), *joined)

    @property
    def identity(self) -> str:
        """Its fingerprint."""
        return self.dataset.sha256

    def __len__(self) -> int:
        return len(self.dataset.pool)

    def batch(self, begin: int, end: int) -> list[Any]:
        """Return some images in red, green and blue: from black to white, whatever the least and the largest value are."""
        items = self.dataset.pool[begin:end].reshape(-1, *(self.dataset.image_shape or ()))
        return [Image.fromarray(self._as_bytes(item)).convert("RGB") for item in items]

    def _as_bytes(self, item: np.ndarray) -> np.ndarray:
        if item.dtype == np.uint8:
            return item
        low, high = self._range
        return np.round(255 * (item - low) / (high - low)).astype(np.uint8)

    @cached_property
    def _range(self) -> tuple[float, float]:
        if self.dataset.likelihood == "bernoulli":
            return 0.0, 1.0
        low, high = float(self.dataset.pool.min()), float(self.dataset.pool.max())
        return low, max(high, low + 1e-9)


@dataclass(frozen=True, eq=False)
class Sentences:
    """Texts of a column."""

    texts: Sequence[str]
    labels: Labels
    ids: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    kind: Kind = "texts"

    @property
    def identity(self) -> str:
        """All of them."""
        return "\n".join(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, begin: int, end: int) -> list[Any]:
        """Return some texts."""
        return list(self.texts[begin:end])


def open_source(data: str, data_dir: Path | None, reading: Reading, text_column: str | None, progress: Progress) -> Source:
    """Return the items of a folder of images, a data set of images, or a table with a column of texts.

    Raises
    ------
    DataError, SettingsError
        If there are none.
    """
    path = Path(data)
    if is_table(path):
        return _sentences(read_frame(path, reading, progress), reading, text_column)
    if text_column is not None:
        raise SettingsError(f"--text-column names a column of a table; {data} is none")
    if path.is_dir():
        paths = image_paths(path)
        labels, parts = labels_of_folders(path, paths)
        return Pictures(path, tuple(one.relative_to(path).as_posix() for one in paths), labels, parts)
    dataset = load_dataset(data, data_dir, reading, holdout="none")
    if dataset.image_shape is None:
        raise DataError(f"{data} holds neither images nor texts; its numbers can be given to `run` as they are")
    return Arrays(dataset)


def _sentences(frame: Frame, reading: Reading, text_column: str | None) -> Sentences:
    label, id_like = name_roles(frame.path, frame.names, reading)
    others = [place for place in range(len(frame.names)) if place != label and place not in id_like]
    for place in others:
        # Numbers, dates and lists are no texts to embed.
        frame.understand(place)
    free = {place: len(texts.levels) for place in others if (texts := frame.texts(place)) is not None}
    chosen = max(free, key=lambda place: free[place], default=None)
    if text_column is not None:
        chosen = find_column(frame.path, frame.names, text_column, "--text-column")
    column = None if chosen is None else frame.texts(chosen)
    if chosen is None or column is None:
        names = ", ".join(frame.called(place) for place in free) or "none"
        raise DataError(f"{frame.path}: no column of texts to embed; columns of texts: {names} (--text-column)")
    named = (frame.texts(place) for place in sorted(id_like))
    ids = next((texts for texts in named if texts is not None and len(texts.levels) == frame.n_rows), None)
    labels = labels_of(frame, label, reading)
    empty = int((column.codes < 0).sum())
    notes = [
        f"{frame.path.name}: texts of the column {frame.called(chosen)}",
        f"labels: {tell_labels(labels)}" if label is not None else "labels: no column for them (--label-column)",
        *([f"warning: {number_of(empty, 'text')} empty"] if empty else []),
        *labels.notes,
    ]
    return Sentences(column.spelled, labels, None if ids is None else tuple(ids.spelled), tuple(notes))
