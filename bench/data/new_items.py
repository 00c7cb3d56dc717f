"""New items, read as a pool was, from files of any size: what a classifier that was taken away is given."""

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from bench.data import tables
from bench.data.arrays import (
    ID_KEYS,
    ITEM_KEYS,
    LABEL_KEYS,
    UNREADABLE,
    Scale,
    as_items,
    check_sizes,
    first_of,
    label_vector,
    why,
)
from bench.data.features import make_matrix
from bench.data.folders import image_paths
from bench.data.form import Canvas, Form
from bench.data.labels import label_texts
from bench.data.new_columns import Strange, fitted_to, refuse_infinite
from bench.data.new_rows import NewItems, new_rows
from bench.data.pictures import canvas_of_shape, drawn_on, glance, suffixes
from bench.data.reading import Progress, no_progress
from bench.errors import DataError

_ROWS, _PICTURES = 16_384, 512
_ITEMS = (*ITEM_KEYS, "x_test", "X_test", "test_images", "test_data", "x_train", "X_train", "train_images", "train_data", "arr_0")
_BYTES = 255
# Of one item; a header may say anything.
_MOST_VALUES = 2**28


def stream(path: Path, form: Form, strange: Strange | None = None, progress: Progress = no_progress) -> Iterator[NewItems]:
    """Yield the items of a file or folder in blocks, as `form` says that they were made.

    Raises
    ------
    DataError
        If it cannot be read, or holds items of another kind.
    """
    if path.is_dir() and not tables.is_table(path):
        return _pictures(image_paths(path, least=1), path, form, progress)
    if not path.exists():
        raise DataError(f"no file {path}; give new data in a form that training read")
    if path.suffix.lower() in suffixes():
        return _pictures([path], path.parent, form, progress)
    if path.suffix.lower() == ".npy":
        return _npy(path, form, progress)
    if path.suffix.lower() == ".npz":
        return _npz(path, form, progress)
    if tables.is_table(path):
        if form.kind != "table":
            raise DataError(
                f"{path} is a table; the classifier was made from {_what(form)}: give new ones in a form such as that"
            )
        return new_rows(path, form, strange or Strange(), progress)
    raise DataError(f"{path} is no picture, array or table; the classifier was made from {_what(form)}")


def as_pool(values: np.ndarray, form: Form, called: str = "items") -> np.ndarray:
    """Return an array of new items (n, d), or images (n, height, width, or with colours), as the pool's items are.

    Raises
    ------
    DataError
        If it holds items of another shape or range.
    """
    if form.image_shape is not None and values.shape == form.image_shape[:2] and values.shape[-1] != form.n_features:
        raise DataError(f"{called}: one image of shape {values.shape}; give several, (1, {values.shape[0]}, {values.shape[1]})")
    if form.kind == "table":
        return _as_rows(values, form, called)
    if values.ndim == 4 and 4 in (values.shape[1], values.shape[3]) and values.shape[3] not in (1, 3):
        raise DataError(f"{called}: images with opacity; lay them on their ground, and give three colours")
    if form.is_bytes and form.scale != "bytes" and values.dtype.kind == "f":
        raise DataError(f"{called}: numbers with a point; the classifier reads bytes, whole numbers from 0 to 255: give uint8")
    items, shape, _ = as_items(Path(called), values, Scale(_scale(values, form)))
    if items.shape[1] != form.n_features or (shape is not None and form.image_shape is not None and shape != form.image_shape):
        raise DataError(f"{called} of shape {values.shape}; the classifier was made from {_what(form)}")
    return in_range(items, form, called)


def _as_rows(values: np.ndarray, form: Form, called: str) -> np.ndarray:
    """Return an array of numbers as rows of a table, a column for each of its columns, in their order."""
    if not all(feature.kind in ("number", "log") for feature in form.features):
        raise DataError(
            f"{called}: an array does not say which column is what; give a table with the columns of the training data"
        )
    if values.ndim != 2 or values.shape[1] != len(form.features) or values.dtype.kind not in "uifb":
        raise DataError(f"{called} of shape {values.shape} and type {values.dtype}; the classifier was made from {_what(form)}")
    strange = Strange()
    columns = [
        fitted_to(Path(called), column.astype(np.float64), of, strange)
        for column, of in zip(values.T, form.features, strict=True)
    ]
    matrix = make_matrix(form.features, columns)
    refuse_infinite(Path(called), matrix, form.features)
    return matrix


def _scale(values: np.ndarray, form: Form) -> str:
    if form.scale == "signed" and values.dtype != np.uint8:
        return "signed"
    return "bytes as given" if values.dtype == np.uint8 else "as they are"


def in_range(items: np.ndarray, form: Form, called: str) -> np.ndarray:
    """Return items (n, d) in the type of the pool's.

    Raises
    ------
    DataError
        If their values lie where those of the pool cannot.
    """
    if items.dtype == np.uint8 and form.image_shape is not None and not (form.is_bytes or form.unit):
        raise DataError(f"{called}: bytes, 0 to 255; the images of the training data have values of another kind: give such")
    if items.dtype == np.uint8 and not form.is_bytes:
        # Bytes of an image mean 0-255, whatever they are; a mask holds zeros and ones.
        items = items.astype(np.float32) / (_BYTES if form.image_shape is not None and form.scale != "mask" else 1)
    if items.dtype != np.uint8:
        bad = np.flatnonzero(~np.isfinite(items).all(axis=1))
        if len(bad):
            raise DataError(f"{called}: NaN or infinity in {len(bad):,} items, the first in row {bad[0]}; remove or impute them")
    low, high = float(items.min(initial=0)), float(items.max(initial=0))
    if form.is_bytes and items.dtype != np.uint8:
        if low < 0 or high > _BYTES or not (items == np.round(items)).all():
            raise DataError(f"{called}: values from {low:g} to {high:g}; the classifier reads bytes, whole numbers from 0 to 255")
        return items.astype(np.uint8)
    if form.unit and not form.is_bytes and (low < 0 or high > 1):
        raise DataError(f"{called}: values from {low:g} to {high:g}; those of the training data lie in 0 to 1")
    return items


def _what(form: Form) -> str:
    if form.kind == "table":
        return f"a table of {len(form.features):,} columns"
    if form.image_shape is None:
        return f"arrays of {form.n_features:,} values an item"
    height, width, *colors = form.image_shape
    return f"images of {height} x {width} pixels{' in colour' if colors else ''}"


def _canvas(form: Form, paths: list[Path]) -> Canvas:
    """Return what pictures are brought to: as in training, or, where that had arrays of images, by their own looks.

    Raises
    ------
    DataError
        If the classifier does not see images.
    """
    if form.canvas is not None:
        return form.canvas
    if form.image_shape is None:
        raise DataError(f"{paths[0]} is a picture; the classifier was made from {_what(form)}")
    return canvas_of_shape(form.image_shape, [glance(path, seek_color=False) for path in paths])


def _pictures(paths: list[Path], folder: Path, form: Form, progress: Progress) -> Iterator[NewItems]:
    canvas = _canvas(form, paths)
    for begin in range(0, len(paths), _PICTURES):
        some = paths[begin : begin + _PICTURES]
        drawn = np.stack([drawn_on(canvas, path).ravel() for path in some])
        names = [path.relative_to(folder) for path in some]
        # As in training: the first folder on the way names the class.
        labels = [name.parts[0] if len(name.parts) > 1 else None for name in names]
        yield NewItems(in_range(drawn, form, str(folder)), [name.as_posix() for name in names], labels)
        progress(min(1.0, (begin + len(some)) / len(paths)))


def _npy(path: Path, form: Form, progress: Progress) -> Iterator[NewItems]:
    with _opened(path) as file:
        yield from npy_items(path, file, form, progress=progress)


def _npz(path: Path, form: Form, progress: Progress) -> Iterator[NewItems]:
    with _opened(path) as file:
        try:
            check_sizes(path, file, in_memory=False)
            archive = zipfile.ZipFile(file)
        except UNREADABLE as error:
            raise DataError(f"{path} cannot be read: {why(error)}") from error
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        found = dict.fromkeys(names, np.empty(0))
        key = first_of(found, _ITEMS)
        if key is None:
            raise DataError(f"{path} holds {', '.join(names[:5])}; expected an array named 'x': numpy.savez(path, x=items)")
        labels, ids = (_small(path, archive, first_of(found, keys)) for keys in (LABEL_KEYS, ID_KEYS))
        names_of = _small(path, archive, "class_names" if "class_names" in found else None)
        with archive.open(f"{key}.npy") as member:
            texts = None if labels is None else _spelled(path, labels, names_of)
            yield from npy_items(path, member, form, texts, None if ids is None else label_texts(ids), progress)


def _spelled(path: Path, labels: np.ndarray, names: np.ndarray | None) -> list[str | None]:
    """Return labels as names of classes."""
    vector = label_vector(path, labels)
    if names is None or vector.dtype.kind not in "iu":
        return [text or None for text in label_texts(vector)]
    called = label_texts(names)
    return [called[code] if 0 <= code < len(called) else None for code in vector.tolist()]


def _small(path: Path, archive: zipfile.ZipFile, key: str | None) -> np.ndarray | None:
    if key is None:
        return None
    try:
        with archive.open(f"{key}.npy") as member:
            array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
            return array
    except UNREADABLE as error:
        raise DataError(f"{path}: the array {key!r} cannot be read: {why(error)}") from error


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def npy_items(
    path: Path,
    file: IO[bytes],
    form: Form,
    labels: list[str | None] | None = None,
    ids: list[str] | None = None,
    progress: Progress = no_progress,
) -> Iterator[NewItems]:
    """Yield an array in blocks of rows, read one after another: it may be larger than memory, compressed, or lie about its size.

    Raises
    ------
    DataError
        If it is no array, cut short, or holds items of another kind.
    """
    shape, fortran, dtype = _header(path, file)
    for name, of_items in (("labels", labels), ("names", ids)):
        if of_items is not None and len(of_items) != shape[0]:
            raise DataError(f"{path}: {len(of_items):,} {name} for {shape[0]:,} items; give one for each")
    size = math.prod(shape[1:]) * dtype.itemsize
    if fortran:
        # Columns lie one after another: it has to be read as a whole.
        whole = np.frombuffer(_content(path, file, shape[0] * size, shape, 0), dtype).reshape(shape, order="F")
    for begin in range(0, shape[0], _ROWS):
        n = min(_ROWS, shape[0] - begin)
        part = slice(begin, begin + n)
        values = (
            whole[part] if fortran else np.frombuffer(_content(path, file, n * size, shape, begin), dtype).reshape(n, *shape[1:])
        )
        yield NewItems(
            as_pool(values, form, path.name), None if ids is None else ids[part], None if labels is None else labels[part]
        )
        progress((begin + n) / shape[0])


def _header(path: Path, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, order and type of an array; a header may say anything."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read: {why(error)}; write it with numpy.save or numpy.savez") from error
    if dtype.hasobject:
        raise DataError(f"{path} holds pickled objects, which are never read; save it as numbers")
    if dtype.kind not in "uifb" or dtype.subdtype is not None or not dtype.itemsize:
        raise DataError(f"{path} holds items of type {dtype}; expected numbers")
    if (
        len(shape) not in (2, 3, 4)
        or any(size < (place > 0) for place, size in enumerate(shape))
        or math.prod(shape[1:]) > _MOST_VALUES
    ):
        raise DataError(f"{path}: an array of shape {shape}; expected (n, values), or images (n, height, width, or with colours)")
    return tuple(map(int, shape)), bool(fortran), dtype


def _content(path: Path, file: IO[bytes], n_bytes: int, shape: tuple[int, ...], begin: int) -> bytes:
    try:
        content = file.read(n_bytes)
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read: {why(error)}") from error
    if len(content) < n_bytes:
        done = begin + len(content) // max(1, n_bytes // max(1, min(_ROWS, shape[0] - begin)))
        raise DataError(f"{path} ends after {done:,} of {shape[0]:,} items; it is cut short")
    return content
