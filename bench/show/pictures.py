"""Items that are images, ready to be drawn."""

import numpy as np
from jaxtyping import Shaped


def drawable(picture: Shaped[np.ndarray, "h w *c"]) -> Shaped[np.ndarray, "h w *c"]:
    """Return a picture as matplotlib draws it: colours that are no bytes are brought to [0, 1]."""
    if picture.ndim == 2 or picture.dtype == np.uint8:
        return picture
    low, high = min(0.0, float(picture.min())), max(1.0, float(picture.max()))
    return (picture - low) / (high - low)
