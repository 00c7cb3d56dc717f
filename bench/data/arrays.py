"""Arrays: `.npz` with items and labels under the usual names and in the usual shapes, or `.npy` with items alone."""

import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from bench.data.dataset import Dataset, ImageShape
from bench.data.features import Feature, fit_feature, make_matrix
from bench.data.labels import Labels, codes_into, label_texts, read_labels
from bench.data.pictures import ground_of
from bench.data.reading import Progress, Reading, Rows
from bench.data.understood import some, tell_labels
from bench.errors import DataError, number_of
from bench.wording import printable
from gmvae.errors import first_line
from gmvae.rounding import coarse_columns

ITEM_KEYS = ("x", "X", "images", "data", "features", "embeddings")
LABEL_KEYS = ("y", "Y", "labels", "label", "target", "targets")
_TESTITEM_KEYS = ("x_test", "X_test", "test_images", "test_data")
_TESTLABEL_KEYS = ("y_test", "Y_test", "test_labels", "test_targets")


@dataclass(frozen=True)
class _Split:
    """Names of the arrays of data that come in parts, as Keras and MedMNIST have them."""

    items: str
    labels: tuple[str, ...]
    validation: tuple[tuple[str, str], ...] = ()
    """Joins the pool: nothing here is chosen by it."""
    test: tuple[tuple[str, str], ...] = ()


def _split_of(style: str, x: str, *y: str) -> _Split:
    """Return the names in a style such as `{0}_{1}` (x_train) or `{1}_{0}` (train_images)."""

    def pairs(*parts: str) -> tuple[tuple[str, str], ...]:
        return tuple((style.format(x, part), style.format(name, part)) for part in parts for name in y)

    return _Split(
        style.format(x, "train"), tuple(style.format(name, "train") for name in y), pairs("val", "valid"), pairs("test")
    )


_NUMBERED = ("arr_0", "arr_1")
_SPLITS = (
    _split_of("{0}_{1}", "x", "y", "Y"),
    _split_of("{0}_{1}", "X", "y", "Y"),
    _split_of("{1}_{0}", "images", "labels"),
    _split_of("{1}_{0}", "data", "labels"),
    _split_of("{1}_{0}", "x", "y"),
    _split_of("{1}_{0}", "X", "y", "Y"),
    # As numpy names arrays that are given no names.
    _Split("arr_0", ("arr_1",)),
)
PRETRAINED = "pretrained"
"""Array of an archive, or metadata of a Parquet file, that names the model which made the items."""
ID_KEYS = ("id", "ids")
# Deflate compresses nothing by more than this factor.
_MAX_RATIO = 1100
_MAPPED_BYTES = 256 * 2**20
UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, NotImplementedError, OverflowError, MemoryError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class _Parts:
    """Names of the arrays to read."""

    items: tuple[str, ...]
    """One, or training and validation items, which are put together."""
    labels: tuple[str, ...] = ()
    test: str | None = None
    test_labels: str | None = None
    is_split: bool = False
    """Whether training and test part are named as such, so that the test part is held out unless the user says otherwise."""


def from_npy(path: Path, reading: Reading, _rows: Rows, _progress: Progress) -> Dataset:
    """Read the items of an `.npy` file.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if not _starts_with(path, b"\x93NUMPY"):
        raise DataError(f"{path} cannot be read: it is no .npy file; write it with numpy.save(path, items)")
    try:
        array = np.load(path, mmap_mode="r" if path.stat().st_size >= _MAPPED_BYTES else None, allow_pickle=False)
    except UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read: {why(error)}; write it with numpy.save(path, items) from a plain array"
        ) from error
    return _make(path, {"x": array}, _Parts(("x",)), reading)


def from_npz(path: Path, reading: Reading, _rows: Rows, _progress: Progress) -> Dataset:
    """Read an archive of arrays.

    Raises
    ------
    DataError
        If it cannot be read, or its arrays cannot be told apart.
    """
    if not zipfile.is_zipfile(path) and not _starts_with(path, b"\x93NUMPY"):
        raise DataError(f"{path} cannot be read: it is no .npz archive; write it with numpy.savez(path, x=items, y=labels)")
    try:
        # Opened here: numpy leaves a file open if it is not an archive.
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                check_sizes(path, file)
            file.seek(0)
            loaded = np.load(file, allow_pickle=False)
            mapped = _map_large(path, file) if zipfile.is_zipfile(file) else {}
            keys = [] if isinstance(loaded, np.ndarray) else loaded.files
            arrays = {key: mapped[key] if key in mapped else _one(path, loaded, key) for key in keys}
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read: {why(error)}; write it with numpy.savez(path, x=items, y=labels) from plain arrays"
        ) from error
    return _make(path, arrays, _parts(path, arrays, reading), reading)


def _one(path: Path, loaded: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    try:
        return loaded[key]
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise
        raise DataError(
            f"{path}: the array {key!r} holds pickled objects, which are never read; save it as {key}.astype(str), or as numbers"
        ) from error


def why(error: Exception) -> str:
    """Return why an array cannot be read, in a line."""
    return "it holds pickled objects, which are never read" if "pickle" in str(error).lower() else first_line(error)


def _parts(path: Path, arrays: Mapping[str, np.ndarray], reading: Reading) -> _Parts:
    """Find out which arrays are what.

    Raises
    ------
    DataError
        If several may be the items, or the labels, and the user does not say which.
    """
    for key in (reading.x, reading.y):
        if key is not None and key not in arrays:
            raise DataError(f"{path} has no array {key!r}; it holds {_listed(arrays)}")
    splits = [split for split in _SPLITS if split.items in arrays]
    plain = [key for key in ITEM_KEYS if key in arrays]
    numbered = [key for key in arrays if key.startswith("arr_")]
    if (reading.x is None and len(splits) + len(plain) != 1) or (reading.x is None and len(numbered) > len(_NUMBERED)):
        raise DataError(
            f"{path} holds {_listed(arrays)}; expected an array named 'x'. Say which holds the items with --x and --y"
        )
    items = reading.x or (splits[0].items if splits else plain[0])
    split = next((split for split in splits if split.items == items), None)
    if split is None:
        return _plain_parts(path, arrays, items, reading)
    labels = reading.y or next((key for key in split.labels if key in arrays), None)
    # Parts have labels of one kind: others, which the user names, are those of the training part alone.
    usual = labels in split.labels
    validation = _pair(arrays, split.validation) if usual else None
    test = _pair(arrays, split.test) if usual else None
    more, (test_items, test_labels) = validation or (), test or (None, None)
    return _Parts(
        (items, *more[:1]), (*([labels] if labels else []), *more[1:]), test_items, test_labels, is_split=test is not None
    )


def _plain_parts(path: Path, arrays: Mapping[str, np.ndarray], items: str, reading: Reading) -> _Parts:
    likely = [key for key in LABEL_KEYS if key in arrays and key != items]
    if reading.y is None and len(likely) > 1:
        raise DataError(f"{path}: {' and '.join(map(repr, likely))} may both be the labels; say which with --y")
    labels = reading.y or (likely[0] if likely else None)
    test = (first_of(arrays, _TESTITEM_KEYS), first_of(arrays, _TESTLABEL_KEYS)) if reading.y is None else (None, None)
    return _Parts((items,), (labels,) if labels else (), *test)


def _pair(arrays: Mapping[str, np.ndarray], pairs: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    return next(((items, labels) for items, labels in pairs if items in arrays and labels in arrays), None)


def _make(path: Path, arrays: Mapping[str, np.ndarray], parts: _Parts, reading: Reading) -> Dataset:
    given = arrays.get("class_names")
    if given is not None and given.ndim != 1:
        raise DataError(f"{path}: class_names of shape {given.shape}; expected a list of names")
    if (parts.test is None) != (parts.test_labels is None):
        raise DataError(f"{path}: x_test and y_test belong together; give both or neither")
    pieces = [arrays[key] for key in parts.items]
    if len({piece.shape[1:] for piece in pieces}) > 1:
        raise DataError(f"{path}: {' and '.join(parts.items)} hold items of different shapes; give one with --x")
    raw = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    columns = _fine_columns(raw)
    if columns:
        pool, shape, scale = _in_columns(raw, columns), None, Scale()
        test = None if parts.test is None else _in_columns(_checked_columns(path, arrays[parts.test], columns), columns)
    else:
        pool, shape, scale = as_items(path, raw)
        test = None if parts.test is None else as_items(path, arrays[parts.test], scale)[0]
    labels, test_codes = _read_labels(path, arrays, parts, given, reading, len(raw))
    return Dataset(
        name=path.stem,
        pool=pool,
        labels=labels.codes,
        class_names=labels.names,
        image_shape=shape,
        test=test,
        test_labels=test_codes,
        is_split=parts.is_split,
        ids=_ids(arrays, parts, len(raw)),
        pretrained=printable(str(arrays[PRETRAINED])) if PRETRAINED in arrays else None,
        scale=scale.kind,
        features=columns,
        understood=(
            *_tell(path, arrays, parts, shape, scale, columns),
            *([f"labels: {tell_labels(labels)}"] if parts.labels else []),
            *labels.notes,
        ),
    )


def _fine_columns(items: np.ndarray) -> tuple[Feature, ...]:
    """Return how the columns of vectors become features that float32 can hold; none if it holds them, or there are no numbers."""
    coarse = set(coarse_columns(items)) if items.ndim == 2 else set()
    # Gaps and infinities of an array are refused where they are: in a table a gap would be filled.
    if not coarse or (items.dtype.kind == "f" and not all(np.isfinite(values).all() for values in items.T)):
        return ()
    return tuple(
        fit_feature(f"column {place + 1}", values.astype(np.float64 if place in coarse else np.float32), log=False)
        for place, values in enumerate(items.T)
    )


def _in_columns(items: np.ndarray, columns: Sequence[Feature]) -> np.ndarray:
    return make_matrix(columns, [values.astype(np.float64) for values in items.T])


def _checked_columns(path: Path, items: np.ndarray, columns: Sequence[Feature]) -> np.ndarray:
    """Return items, or raise `DataError` if they are no vectors of as many numbers."""
    if items.ndim != 2 or items.shape[1] != len(columns) or items.dtype.kind not in "uifb":
        raise DataError(
            f"{path}: a test part of shape {items.shape} and type {items.dtype}; expected (n, {len(columns)}) numbers"
        )
    return items


def _ids(arrays: Mapping[str, np.ndarray], parts: _Parts, n: int) -> tuple[str, ...] | None:
    """Return the names of the items, if there is an array of them."""
    key = first_of(arrays, ID_KEYS)
    if key is None or parts.test is not None or arrays[key].shape != (n,):
        return None
    return tuple(map(printable, label_texts(arrays[key])))


def _read_labels(
    path: Path, arrays: Mapping[str, np.ndarray], parts: _Parts, given: np.ndarray | None, reading: Reading, n: int
) -> tuple[Labels, np.ndarray | None]:
    """Return the labels of the pool and the codes of the test part."""
    if not parts.labels:
        return Labels(np.full(n, -1), () if given is None else tuple(label_texts(given))), None
    where = f"{path.name}, array {parts.labels[0]}"
    values = label_vector(path, np.concatenate([label_vector(path, arrays[key]) for key in parts.labels]))
    test = None if parts.test_labels is None else label_vector(path, arrays[parts.test_labels])
    if given is not None:
        names = tuple(label_texts(given))
        codes = None if test is None else codes_into(where, test, names, reading.missing_label).codes
        return codes_into(where, values, names, reading.missing_label), codes
    if test is None:
        return read_labels(where, values, reading.missing_label), None
    both = read_labels(where, np.concatenate([values, test]), reading.missing_label)
    return Labels(both.codes[: len(values)], both.names, both.notes), both.codes[len(values) :]


def label_vector(path: Path, labels: np.ndarray) -> np.ndarray:
    """Return one label per item, of (n,), (n, 1) or one-hot (n, classes)."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "uifb" and ((labels == 0) | (labels == 1)).all():
        sums = labels.sum(axis=1)
        if (sums > 1).any():
            raise DataError(f"{path}: {number_of(int((sums > 1).sum()), 'item')} with several classes at once; expected one each")
        labels = np.where(sums == 1, labels.argmax(axis=1), -1)
    if labels.ndim != 1 or labels.dtype.kind not in "iufbUS":
        raise DataError(f"{path}: labels of shape {labels.shape} and type {labels.dtype}; expected one integer or text per item")
    return labels


def _tell(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    parts: _Parts,
    shape: ImageShape | None,
    scale: "Scale",
    columns: Sequence[Feature],
) -> tuple[str, ...]:
    """Say which arrays are what."""
    sizes = " + ".join(f"{key} {arrays[key].shape}" for key in parts.items)
    what = "items" if shape is None else "images in colour" if len(shape) == 3 else "images"
    read = {*parts.items, *parts.labels, parts.test, parts.test_labels, "class_names", PRETRAINED, *ID_KEYS}
    unread = [key for key in arrays if key not in read]
    return (
        f"{printable(path.name)}: {what} {sizes}{scale.said}"
        + (f", labels {' + '.join(parts.labels)}" if parts.labels else ", no labels")
        + (f", test part {parts.test}" if parts.test else "")
        + _fitted(columns)
        + (f"; not read: {', '.join(map(printable, unread))}" if unread else ""),
    )


def _fitted(columns: Sequence[Feature]) -> str:
    fine = [feature.column for feature in columns if feature.needs_float64]
    return f"; differences are kept where values are large or tiny beside them ({some(fine)})" if fine else ""


def _listed(arrays: Mapping[str, np.ndarray]) -> str:
    shown = [f"{printable(key)} {array.shape} {array.dtype}" for key, array in arrays.items()]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "") or "no arrays"


def _map_large(path: Path, file: BinaryIO) -> dict[str, np.ndarray]:
    """Return the large arrays that `numpy.savez` stored uncompressed, mapped into memory instead of read."""
    mapped: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.compress_type == zipfile.ZIP_STORED and member.file_size >= _MAPPED_BYTES:
                # Skip the local header, whose name and extra field may differ in length from the directory's.
                file.seek(member.header_offset + 26)
                file.seek(member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))))
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, fortran, dtype = read(file)
                if not fortran and not dtype.hasobject:
                    mapped[member.filename.removesuffix(".npy")] = np.memmap(path, dtype, "r", file.tell(), shape)
    return mapped


def check_sizes(path: Path, file: IO[bytes], *, in_memory: bool = True) -> None:
    """Refuse an archive that claims more than its bytes or this machine can hold: numpy would try to allocate it.

    `in_memory` says whether it is read as a whole.
    """
    claimed = 0
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            # What is mapped is not held in memory.
            is_mapped = member.compress_type == zipfile.ZIP_STORED and member.file_size >= _MAPPED_BYTES
            claimed += 0 if is_mapped else member.file_size
            if member.file_size > _MAX_RATIO * max(member.compress_size, 1):
                raise DataError(
                    f"{path}: {member.filename!r} claims {member.file_size:,} bytes in {member.compress_size:,}; it is broken"
                )
            with archive.open(member) as content:
                version = np.lib.format.read_magic(content)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(content)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise DataError(
                    f"{path}: {member.filename!r} claims shape {shape}, but has {member.file_size:,} bytes; it is broken"
                )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if in_memory and claimed > memory:
        raise DataError(f"{path} unpacks to {claimed / 2**30:,.1f} GiB; this machine has {memory / 2**30:,.1f} GiB of memory")


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def first_of(arrays: Mapping[str, np.ndarray], keys: tuple[str, ...]) -> str | None:
    """Return the first of some names that an archive has."""
    return next((key for key in keys if key in arrays), None)


@dataclass(frozen=True)
class Scale:
    """How the values of images are brought to bytes or [0, 1]; the same for pool and test part."""

    kind: str = "as they are"

    @property
    def said(self) -> str:
        """In words, if anything was done."""
        return {"bytes": ", 0-255 as bytes", "signed": ", from [-1, 1] to [0, 1]"}.get(self.kind, "")

    @classmethod
    def of(cls, images: np.ndarray) -> "Scale":
        """Find out from the values of images."""
        if images.dtype == np.uint8:
            return cls("bytes as given" if images.max() > 1 else "mask")
        low, high = float(images.min()), float(images.max())
        # Digits from 0 to 16, say, are no bytes.
        if low >= 0 and 128 <= high <= 255 and (images.dtype.kind in "iu" or bool((images == np.round(images)).all())):
            return cls("bytes")
        return cls("signed" if low == -1 and high <= 1 else "as they are")

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Bring values to that scale."""
        if self.kind == "bytes as given":
            return values
        if self.kind == "bytes":
            return values.astype(np.uint8)
        with np.errstate(over="ignore"):
            numbers = values.astype(np.float32)
        return (numbers + 1) / 2 if self.kind == "signed" else numbers


def as_items(path: Path, items: np.ndarray, scale: Scale | None = None) -> tuple[np.ndarray, ImageShape | None, Scale]:
    """Return items as (n, d), the shape of an image, and how values were scaled."""
    if items.ndim not in (2, 3, 4) or 0 in items.shape:
        raise DataError(
            f"{path}: items of shape {items.shape}; expected (n, features), or images (n, height, width), "
            "with colours last or first"
        )
    if items.dtype.kind not in "uifb":
        raise DataError(f"{path}: items of type {items.dtype}; expected numbers")
    if items.ndim == 4:
        items = _colors_last(path, items)
    shape: ImageShape | None = None if items.ndim == 2 else tuple(map(int, items.shape[1:]))  # type: ignore[assignment]
    if scale is None:
        # Bytes mean 0-255, but a mask of zeros and ones is already in [0, 1].
        scale = Scale.of(items) if items.ndim > 2 or items.dtype == np.uint8 else Scale()
    return scale(items.reshape(len(items), -1)), shape, scale


def _colors_last(path: Path, images: np.ndarray) -> np.ndarray:
    """Return (n, height, width), or (n, height, width, 3) with red, green and blue."""
    last, first = images.shape[3], images.shape[1]
    if last not in (1, 3, 4) and first in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)
    elif last not in (1, 3, 4):
        raise DataError(f"{path}: images of shape {images.shape[1:]}; expected 1 or 3 colours, last or first")
    if images.shape[3] == 1:
        return images[..., 0]
    return _grounded(images) if images.shape[3] == 4 else np.ascontiguousarray(images)


def _grounded(images: np.ndarray) -> np.ndarray:
    """Lay images with opacity, their fourth value, on white, or on black if they are white themselves: as pictures of files."""
    opaque = float(images.max()) if images.dtype.kind != "f" or images.max() > 1 else 1.0
    colors, alpha = images[..., :3].astype(np.float32), images[..., 3:].astype(np.float32) / max(opaque, 1e-9)
    if alpha.min() == 1:
        return np.ascontiguousarray(images[..., :3])
    weight = alpha / max(1e-9, float(alpha.sum()) * 3)
    from_black, from_white = float((colors * weight).sum()), float(((opaque - colors) * weight).sum())
    ground = ground_of(from_black, from_white) * opaque
    laid: np.ndarray = colors * alpha + ground * (1 - alpha)
    return np.round(laid).astype(images.dtype) if images.dtype.kind in "iu" else laid
