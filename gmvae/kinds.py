"""Which kind of data items are, by their values alone: what is written or drawn, a photograph, an embedding. Numpy only."""

import numpy as np
from jaxtyping import Float

from gmvae.config import Views

# Images that are looked at.
_IMAGES = 500
# Lines are thin: of a figure made of them at most this share survives when a square of a fifth of the image's height must fit
# into it. Letters: 0.1 %, digits of 8 x 8 pixels: 3 %, clothes: 22 %.
_SOLID, _SQUARE = 0.1, 5
# The ground is even: that share of the border is as light as its median. Letters: all of it, digits of 8 x 8: 77 %, X-rays: 29 %.
_EVEN = 0.6
# By how much of an image's range a pixel may differ from the ground, and must if it is part of the figure.
_SAME, _APART = 0.1, 0.3
# Shorter vectors of length 1 are shares or coordinates; the tolerance is what half precision leaves of a length.
_FEWEST_DIRECTIONS, _TOLERANCE = 16, 5e-3
_FIRST = 100


def views_for(items: np.ndarray, image_shape: tuple[int, ...] | None) -> Views:
    """Return the kind of views that suits the items: `photo` for images but those of thin lines on an even ground, else `warp`.

    Parameters
    ----------
    items
        Flattened images (n, d), of which 500 random ones are looked at, or vectors.
    image_shape
        Height and width, and the number of colours if there are several; `None` for vectors.
    """
    if image_shape is None:
        return "warp"
    some = np.sort(np.random.default_rng(0).permutation(len(items))[:_IMAGES])
    images = _to_range(items[some].astype(np.float32).reshape(len(some), *image_shape[:2], -1).mean(axis=3))
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    ground = np.median(border, axis=1, keepdims=True)
    if (np.abs(border - ground) < _SAME).mean() < _EVEN:
        return "photo"
    figure = np.abs(images - ground[:, :, None]) > _APART
    return "photo" if _core(figure).sum() > _SOLID * figure.sum() else "warp"


def are_embeddings(items: np.ndarray) -> bool:
    """Return whether items are vectors of length 1, as pretrained models make them: their angles count, no feature has a unit."""
    if items.dtype == np.uint8 or items.shape[1] < _FEWEST_DIRECTIONS:
        return False
    # A few first: most data end here. Then all, without squares of them all in memory.
    return all(np.abs(np.sqrt(np.einsum("nd,nd->n", part, part)) - 1).max() < _TOLERANCE for part in (items[:_FIRST], items))


def _to_range(images: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    low, high = (bound(images, axis=(1, 2), keepdims=True) for bound in (np.min, np.max))
    scaled: np.ndarray = (images - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    return scaled


def _core(figure: np.ndarray) -> np.ndarray:
    """Return the pixels around which a square lies wholly in the figure."""
    side = max(3, round(figure.shape[1] / _SQUARE) // 2 * 2 + 1)
    padded = np.pad(figure, ((0, 0), (side // 2, side // 2), (side // 2, side // 2)))
    squares = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return np.asarray(squares.all(axis=(3, 4)))
