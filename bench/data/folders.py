"""The user's own images: a folder tree, a class per folder."""

from pathlib import Path

import numpy as np
from PIL import Image

from bench.data.dataset import Dataset
from bench.errors import DataError, number_of
from gmvae.errors import first_line

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp"})
UNLABELLED = frozenset({"unlabelled", "unlabeled", "unknown"})
"""Names of folders whose images have no class."""
# Values of more than eight bits need scaling, which the user must choose.
_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"})
_LARGEST_SIDE, _SIDE = 64, 32


def load(folder: Path) -> Dataset:
    """Read every image below a folder, in the order of their paths, as grey bytes.

    The first folder on the way to an image names its class; images directly in `folder`, and those in a folder called
    `unlabelled`, have none. Images of one size of at most 64 x 64 stay as they are, all others become 32 x 32.

    Raises
    ------
    DataError
        If there are no images, or one cannot be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    # Hidden files belong to the system, such as the `._name.png` of macOS.
    paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if len(paths) < 2:
        raise DataError(
            f"{folder} holds {number_of(len(paths), 'image')} ({', '.join(sorted(SUFFIXES))}); at least two are needed"
        )
    ids = [path.relative_to(folder) for path in paths]
    odd = next((name for name in ids if not name.as_posix().isprintable()), None)
    if odd is not None:
        raise DataError(f"{folder}: the name {odd.as_posix()!a} holds characters that cannot be printed; rename that file")
    sizes = {_size(path) for path in paths}
    keep = len(sizes) == 1 and max(next(iter(sizes))) <= _LARGEST_SIDE
    width, height = next(iter(sizes)) if keep else (_SIDE, _SIDE)
    pool = np.empty((len(paths), height * width), np.uint8)
    for row, path in enumerate(paths):
        pool[row] = _grey(path, (width, height)).ravel()
    classes = [name.parts[0] if len(name.parts) > 1 and name.parts[0].lower() not in UNLABELLED else "" for name in ids]
    names = tuple(sorted(set(classes) - {""}))
    code_of = {name: code for code, name in enumerate(names)}
    labels = np.array([code_of.get(name, -1) for name in classes], np.int64)
    return Dataset(folder.resolve().name, pool, labels, names, (height, width), ids=tuple(name.as_posix() for name in ids))


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            if image.mode not in _MODES:
                raise DataError(
                    f"{path} has pixels of mode {image.mode}, not of 8 bits; convert it, or give the values in an .npz file"
                )
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _grey(path: Path, size: tuple[int, int]) -> np.ndarray:
    try:
        with Image.open(path) as image:
            grey = image.convert("L")
            return np.asarray(grey if grey.size == size else grey.resize(size, Image.Resampling.BOX))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as an image ({first_line(error)}); repair or remove it")
