"""The items to embed: images of a folder, or the texts of a column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from bench.data.columns import LABEL_NAMES, name_roles
from bench.data.dataset import Dataset
from bench.data.folders import image_paths, labels_of_folders
from bench.data.frames import Frame
from bench.data.labels import Labels
from bench.data.pictures import open_picture
from bench.data.reading import Progress, Reading
from bench.data.registry import load_dataset
from bench.data.tables import is_table, labels_of, read_frame
from bench.embedding.models import Kind
from bench.errors import DataError, SettingsError


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
    kind: Kind = "images"

    @property
    def identity(self) -> str:
        """Names and sizes of the files."""
        return "\n".join(f"{name} {(self.folder / name).stat().st_size}" for name in self.ids)

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
    ids: tuple[str, ...] | None = None

    @property
    def labels(self) -> Labels:
        """Those of the data set."""
        return Labels(self.dataset.labels, self.dataset.class_names)

    @property
    def identity(self) -> str:
        """Its fingerprint."""
        return self.dataset.sha256

    def __len__(self) -> int:
        return len(self.dataset.pool)

    def batch(self, begin: int, end: int) -> list[Any]:
        """Return some images in red, green and blue."""
        items = self.dataset.pool[begin:end].reshape(-1, *(self.dataset.image_shape or ()))
        return [Image.fromarray(item if item.dtype == np.uint8 else np.uint8(255 * item)).convert("RGB") for item in items]


@dataclass(frozen=True, eq=False)
class Sentences:
    """Texts of a column."""

    texts: Sequence[str]
    labels: Labels
    ids: tuple[str, ...] | None
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
        return Pictures(path, tuple(one.relative_to(path).as_posix() for one in paths), labels_of_folders(path, paths))
    dataset = load_dataset(data, data_dir, reading, holdout="none")
    if dataset.image_shape is None:
        raise DataError(f"{data} holds neither images nor texts; its numbers can be given to `run` as they are")
    return Arrays(dataset)


def _sentences(frame: Frame, reading: Reading, text_column: str | None) -> Sentences:
    label, id_like = name_roles(frame.path, frame.names, reading)
    texts = {place: column for place in range(len(frame.names)) if (column := frame.texts(place)) is not None}
    if text_column is None:
        # The column with the most different texts beside label and names of rows.
        free = {place: len(column.levels) for place, column in texts.items() if place != label and place not in id_like}
        chosen = max(free, key=lambda place: free[place], default=None)
    else:
        chosen = next((place for place in texts if frame.names[place] == text_column), None)
    if chosen is None:
        names = ", ".join(frame.called(place) for place in texts) or "none"
        raise DataError(f"{frame.path}: no column of texts to embed; columns of texts: {names} (--text-column)")
    ids = next((tuple(texts[place].spelled) for place in id_like if place in texts), None)
    unique = ids is not None and len(set(ids)) == len(ids)
    if label is None and reading.label_column is None:
        frame.notes.append(f"no column is called {', '.join(LABEL_NAMES)}: the items have no labels (--label-column)")
    return Sentences(texts[chosen].spelled, labels_of(frame, label, reading), ids if unique else None)
