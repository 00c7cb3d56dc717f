"""The classes that a method said of every item of a pool, in few bytes."""

import numpy as np
from jaxtyping import Int


def packed(predicted: Int[np.ndarray, " n"], shown: Int[np.ndarray, " s"], n_classes: int) -> bytes:
    """Return the classes of a pool in one or two bytes an item, with the largest value for those that were shown."""
    kind = np.uint8 if n_classes < np.iinfo(np.uint8).max else np.uint16
    codes = predicted.astype(kind)
    codes[shown] = np.iinfo(kind).max
    return codes.tobytes()


def unpacked(classes: bytes, n_items: int) -> Int[np.ndarray, " n"]:
    """Return the classes of a pool, -1 for items whose label was shown."""
    kind = np.uint8 if len(classes) == n_items else np.uint16
    codes = np.frombuffer(classes, kind)
    return np.where(codes == np.iinfo(kind).max, -1, codes.astype(np.int64))
