"""The user's own images: a folder tree, a class per folder, perhaps in a folder per part of a split."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from bench.data.dataset import Dataset, ImageShape
from bench.data.form import Canvas
from bench.data.labels import Labels, read_labels
from bench.data.pictures import Glance, drawn_on, glance, ground_for, suffixes, white_of
from bench.data.reading import Progress, Reading, no_progress
from bench.data.understood import tell_labels
from bench.errors import DataError, SettingsError, number_of
from bench.wording import printable

UNLABELLED = frozenset({"unlabelled", "unlabeled", "unknown"})
"""Names of folders whose images have no class."""
_TRAINING = frozenset({"train", "training", "val", "valid", "validation", "dev"})
_TEST = frozenset({"test", "testing"})
_PART_SUFFIX = re.compile(r"[ _-]?(set|data|images?)$")
_LARGEST_SIDE, _SIDE = 96, 32
_SMALLEST_SIDE = 4


def load(folder: Path, reading: Reading | None = None, progress: Progress = no_progress) -> Dataset:
    """Read every image below a folder, in the order of their paths, as bytes: grey, or with red, green and blue.

    The first folder on the way to an image names its class; images directly in `folder`, and those in a folder called
    `unlabelled`, have none. Folders called `train`, `val` and `test` that each hold folders are parts of a split. Images of one
    size of at most 96 x 96 stay as they are, all others become 32 x 32, unless the reading says otherwise.

    Raises
    ------
    DataError
        If there are no images, or one cannot be read.
    """
    reading = reading or Reading()
    if reading.image_size is not None and reading.image_size < _SMALLEST_SIDE:
        raise SettingsError(f"--image-size got {reading.image_size}; expected at least {_SMALLEST_SIDE} pixels")
    paths = image_paths(folder)
    ids = [path.relative_to(folder) for path in paths]
    odd = next((name for name in ids if not name.as_posix().isprintable()), None)
    if odd is not None:
        raise DataError(f"{folder}: the name {odd.as_posix()!a} holds characters that cannot be printed; rename that file")
    parts = _split(folder, ids)
    pool, canvas, notes = _read(paths, reading, progress)
    (width, height), colored = canvas.size, canvas.colored
    shape: ImageShape = (height, width, 3) if colored else (height, width)
    labels = _classes(folder, ids, parts)
    in_test = np.array([bool(parts) and _part(name) in _TEST for name in ids])
    held = bool(in_test.any())
    in_color = " in colour" if len(shape) == 3 else ""
    told = (
        f"{printable(folder.name)}: {number_of(len(paths), 'image')} of {shape[0]} x {shape[1]} pixels{in_color}"
        + (f"; {', '.join(sorted(parts))} are parts of a split, not classes" if parts else ""),
        f"labels: by folder, {tell_labels(labels)}",
        *_below_one(folder, ids, labels),
        *_not_read(folder),
    )
    return Dataset(
        folder.resolve().name,
        pool[~in_test],
        labels.codes[~in_test],
        labels.names,
        shape,
        test=pool[in_test] if held else None,
        test_labels=labels.codes[in_test] if held else None,
        is_split=held,
        ids=tuple(name.as_posix() for name, apart in zip(ids, in_test, strict=True) if not apart),
        test_ids=tuple(name.as_posix() for name, apart in zip(ids, in_test, strict=True) if apart) if held else None,
        understood=(*told, *notes, *labels.notes),
        canvas=canvas,
    )


def image_paths(folder: Path, least: int = 2) -> list[Path]:
    """Return every image below a folder, in the order of their paths.

    Raises
    ------
    DataError
        If there are fewer than `least`.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes() and path.is_file())
    # Hidden files belong to the system, such as the `._name.png` of macOS.
    paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if len(paths) < least:
        raise DataError(
            f"{folder} holds {number_of(len(paths), 'image')} ({', '.join(sorted(suffixes()))}); at least {least} needed"
        )
    return paths


def labels_of_folders(folder: Path, paths: Sequence[Path]) -> tuple[Labels, frozenset[str]]:
    """Return the class of each image, and the folders that are parts of a split.

    The class is the first folder on the way to an image, or the second where the first is a part of a split.
    """
    ids = [path.relative_to(folder) for path in paths]
    parts = _split(folder, ids)
    return _classes(folder, ids, parts), parts


def _part(name: PurePath) -> str:
    """Return what the first folder on the way to an image is called, as a part of a split: `train` of `train_set`."""
    return _PART_SUFFIX.sub("", name.parts[0].lower()) if len(name.parts) > 1 else ""


def _split(folder: Path, ids: Sequence[PurePath]) -> frozenset[str]:
    """Return the first folders, if all are parts of a split: called so, and with folders in them.

    Raises
    ------
    DataError
        If some look like parts of a split, and some do not.
    """
    first = sorted({name.parts[0] for name in ids if len(name.parts) > 1})
    inner = {one: {name.parts[1] for name in ids if name.parts[0] == one and len(name.parts) > 2} for one in first}
    parts = [one for one in first if _part(PurePath(one, "_")) in _TRAINING | _TEST]
    holding = [one for one in parts if inner[one]]
    trains = any(_part(PurePath(one, "_")) in _TRAINING for one in holding)
    if trains and holding == first and all(len(name.parts) > 2 for name in ids):
        return frozenset(first)
    same = next(((a, b) for a in first for b in first if a < b and len(inner[a] & inner[b]) > 1), None)
    if trains or same is not None:
        one, other = same or (holding[0], next((name for name in [*first, "the images beside it"] if name not in holding), ""))
        raise DataError(
            f"{folder}: is {one} a part of a split, or a class? It holds the folders {', '.join(sorted(inner[one])[:3])} …, and "
            f"{other} {'does too' if same else 'does not'}. Give the folder whose folders are the classes, "
            f"e.g. --data {folder / one}"
        )
    return frozenset()


def _classes(folder: Path, ids: Sequence[PurePath], parts: frozenset[str]) -> Labels:
    depth = 1 if parts else 0
    names = [name.parts[depth] if len(name.parts) > depth + 1 else "" for name in ids]
    # A folder is called what it is called: only the words for "no class" are none.
    return read_labels(folder.name, ["" if name.lower() in UNLABELLED else name for name in names], ())


def _below_one(folder: Path, ids: Sequence[PurePath], labels: Labels) -> tuple[str, ...]:
    if len(labels.names) != 1 or not any(len(name.parts) > 2 for name in ids):
        return ()
    one = labels.names[0]
    return (f"warning: all images are below the one folder {one}; if it is no class, say --data {folder / one}",)


def _not_read(folder: Path) -> tuple[str, ...]:
    """Say which other files there are."""
    others = Counter(
        path.suffix.lower() or path.name
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() not in suffixes() and not path.name.startswith(".")
    )
    shown = ", ".join(f"{count:,} {suffix}" for suffix, count in others.most_common(3))
    return (f"not read: {shown}{' …' if len(others) > 3 else ''}",) if others else ()


def _read(paths: Sequence[Path], reading: Reading, progress: Progress) -> tuple[np.ndarray, Canvas, tuple[str, ...]]:
    """Return all pixels, what pictures were brought to, and what was decided."""
    glances: list[Glance] = []
    colored = False
    for done, path in enumerate(paths):
        glances.append(glance(path, seek_color=reading.color == "auto" and not colored))
        colored |= glances[-1].colored
        progress(done / len(paths) / 2)
    sizes = {one.size for one in glances}
    keep = len(sizes) == 1 and max(next(iter(sizes))) <= _LARGEST_SIDE
    width, height = next(iter(sizes)) if keep else (_SIDE, _SIDE)
    if reading.image_size is not None:
        width = height = reading.image_size
    canvas = Canvas((width, height), colored, ground_for(glances), white_of(glances))
    pool = np.empty((len(paths), height * width * (3 if colored else 1)), np.uint8)
    for row, path in enumerate(paths):
        pool[row] = drawn_on(canvas, path).ravel()
        progress(0.5 + row / len(paths) / 2)
    return pool, canvas, _notes(glances, canvas, sizes)


def _notes(glances: Sequence[Glance], canvas: Canvas, sizes: set[tuple[int, int]]) -> tuple[str, ...]:
    notes, size = [], canvas.size
    if sizes != {size}:
        largest = max(sizes, key=lambda pair: pair[0] * pair[1])
        notes.append(
            f"images of {number_of(len(sizes), 'size')}, up to {largest[0]} x {largest[1]}, brought to {size[0]} x {size[1]} "
            "(--image-size)"
        )
    n_transparent = sum(one.contrast is not None for one in glances)
    if n_transparent:
        notes.append(f"{number_of(n_transparent, 'image')} with transparent parts, on {'white' if canvas.ground else 'black'}")
    if any(one.depth for one in glances):
        notes.append(f"images of more than 8 bits: {canvas.white:,} is white")
    return tuple(notes)
