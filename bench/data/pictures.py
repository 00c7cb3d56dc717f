"""Single pictures as every viewer shows them: upright, on a ground, in eight bits, grey or in colour."""

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageOps

from bench.data.form import Canvas
from bench.errors import DataError
from gmvae.errors import first_line

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
DICOM = frozenset({".dcm", ".dicom"})
# Of more than eight bits, in one channel.
_DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_GREY = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"})
_UNREADABLE = (OSError, ValueError, SyntaxError, TypeError, KeyError, OverflowError, Image.DecompressionBombError)
# Orientations by which width and height change places.
_TURNED = frozenset({5, 6, 7, 8})
# Colours that differ by less are those of a grey picture that was compressed.
_COLORED = 16


@dataclass(frozen=True)
class Glance:
    """What is known of a picture before it is brought to the size of all."""

    size: tuple[int, int]
    """Width and height, upright."""
    colored: bool
    depth: int
    """Largest value of a picture with more than eight bits; 0 for all others."""
    contrast: tuple[float, float] | None
    """How far the visible part lies from black and from white, 0 to 255; `None` if nothing is transparent."""


def suffixes() -> frozenset[str]:
    """Return the suffixes of pictures that can be read here: DICOM where pydicom is installed."""
    return SUFFIXES | (DICOM if importlib.util.find_spec("pydicom") else frozenset())


def glance(path: Path, *, seek_color: bool = True) -> Glance:
    """Look at a picture; the pixels are decoded only if they matter.

    Parameters
    ----------
    seek_color
        Whether it matters if the picture has colours.

    Raises
    ------
    DataError
        If it cannot be read, or holds several.
    """
    if path.suffix.lower() in DICOM:
        picture = _open_dicom(path)
        return Glance(picture.size, picture.mode == "RGB" and _is_colored(picture), 0, None)
    with _opened(path) as image:
        return glance_at(image, seek_color=seek_color)


def glance_at(image: Image.Image, *, seek_color: bool = True) -> Glance:
    """Look at a picture that is open."""
    width, height = image.size
    size = (height, width) if image.getexif().get(ExifTags.Base.Orientation) in _TURNED else (width, height)
    if image.mode in _DEEP:
        return Glance(size, colored=False, depth=int(np.asarray(image).max()), contrast=None)
    alpha = _alpha(image)
    colored = seek_color and image.mode not in _GREY and _is_colored(image)
    if alpha is None:
        return Glance(size, colored, 0, None)
    shown = np.asarray(image.convert("RGBA").convert("RGB").convert("L"), np.float64)
    weight = alpha / max(1.0, alpha.sum())
    return Glance(size, colored, 0, (float((shown * weight).sum()), float(((255 - shown) * weight).sum())))


def drawn_on(canvas: Canvas, path: Path) -> UInt8[np.ndarray, "h w *c"]:
    """Return the pixels of a picture of a file, grey or in red, green and blue.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    return laid_out(canvas, _open(path), str(path))


def laid_out(canvas: Canvas, picture: Image.Image, called: str) -> UInt8[np.ndarray, "h w *c"]:
    """Return the pixels of a picture that is open.

    Raises
    ------
    DataError
        If its pixels cannot be converted; `called` names it there.
    """
    if picture.mode in _DEEP:
        values = np.asarray(picture, np.float64) * (255 / max(1, canvas.white))
        picture = Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
    try:
        picture = _grounded(picture, canvas.ground).convert("RGB" if canvas.colored else "L")
    except ValueError as error:
        raise DataError(f"{called} has pixels of mode {picture.mode}, which cannot be converted; save it as PNG") from error
    return np.asarray(picture if picture.size == canvas.size else picture.resize(canvas.size, Image.Resampling.BOX))


def open_picture(path: Path) -> Image.Image:
    """Return a picture in red, green and blue, upright, its transparent parts on white.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    picture = _open(path)
    if picture.mode in _DEEP:
        picture = Image.fromarray(laid_out(Canvas(picture.size, False, 255, white_of([glance(path)])), picture, str(path)))
    return _grounded(picture, 255).convert("RGB")


def _grounded(picture: Image.Image, ground: int) -> Image.Image:
    """Return a picture whose transparent parts show a grey ground."""
    if _alpha(picture) is None:
        return picture
    whole = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", whole.size, (ground, ground, ground, 255)), whole).convert("RGB")


def ground_for(glances: Sequence[Glance]) -> int:
    """Return the ground on which transparent pictures keep contrast, 0 or 255."""
    transparent = [glance.contrast for glance in glances if glance.contrast is not None]
    black, white = (float(np.mean([contrast[side] for contrast in transparent])) if transparent else 0.0 for side in (0, 1))
    return 255 * ground_of(black, white)


def ground_of(from_black: float, from_white: float) -> int:
    """Return 1 for a white ground, as viewers have, or 0 for a black one, if what is visible is nearly white itself."""
    return int(from_white >= from_black / 4)


def canvas_of_shape(shape: Sequence[int], glances: Sequence[Glance]) -> Canvas:
    """Return what pictures are brought to where training had arrays of images: ground and white are found by their looks."""
    height, width, *colors = shape
    return Canvas((width, height), bool(colors), ground_for(glances), white_of(glances))


def white_of(glances: Sequence[Glance]) -> int:
    """Return the value that is white: the end of the range of 8, 10, 12, 14 or 16 bits that holds all values."""
    largest = max((glance.depth for glance in glances), default=0)
    return next((2**bits - 1 for bits in (8, 10, 12, 14, 16) if largest < 2**bits), largest)


def _opened_quietly(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow's own limit is twice as large; above it, it refuses.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture, not decoded yet."""
    try:
        with _opened_quietly(path) as image:
            n_pages = getattr(image, "n_frames", 1)
            # Phones write a second, smaller picture behind the first.
            if n_pages > 1 and image.format != "MPO":
                raise DataError(f"{path} holds {n_pages} pages; save the one that is meant as a picture of its own")
            if image.mode == "F":
                raise DataError(f"{path} has pixels of floating point, whose range is not known; give the values in an .npz file")
            yield image
    except _UNREADABLE as error:
        if isinstance(error, DataError):
            raise
        reason = first_line(error).replace(repr(str(path)), "it").replace(str(path), "it")
        raise DataError(f"{path} cannot be read as an image ({reason}); repair or remove it") from error


def _open(path: Path) -> Image.Image:
    """Return a picture, decoded and upright."""
    if path.suffix.lower() in DICOM:
        return _open_dicom(path)
    with _opened(path) as image:
        return upright(image)


def upright(image: Image.Image) -> Image.Image:
    """Return an open picture, decoded and turned as its camera says."""
    return ImageOps.exif_transpose(image).copy()


def _open_dicom(path: Path) -> Image.Image:
    """Read a DICOM file, with the window that it names and white as white."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    try:
        file: Any = dcmread(path)
        values = file.pixel_array
        if values.ndim == 3 and values.shape[-1] == 3 and values.dtype == np.uint8:
            return Image.fromarray(values)
        if values.ndim != 2:
            raise DataError(f"{path} holds pixels of shape {values.shape}; expected one picture")
        shown = np.asarray(apply_voi_lut(apply_modality_lut(values, file), file), np.float64)
    except (*_UNREADABLE, AttributeError, NotImplementedError, RuntimeError, InvalidDicomError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as DICOM ({first_line(error)}); repair or remove it") from error
    low, high = float(shown.min()), float(shown.max())
    grey = (shown - low) * (255 / (high - low) if high > low else 0)
    if file.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = 255 - grey
    return Image.fromarray(np.round(grey).astype(np.uint8))


def _alpha(picture: Image.Image) -> np.ndarray | None:
    """Return the opacity of each pixel, 0 to 1, if any is not opaque."""
    if not picture.has_transparency_data:
        return None
    alpha = np.asarray(picture.convert("RGBA").getchannel("A"), np.float64) / 255
    return alpha if alpha.min() < 1 else None


def _is_colored(picture: Image.Image) -> bool:
    small = picture.convert("RGBA").convert("RGB") if picture.has_transparency_data else picture.convert("RGB")
    small.thumbnail((64, 64))
    values = np.asarray(small, np.int16)
    return bool((values.max(axis=2) - values.min(axis=2)).max() >= _COLORED)
