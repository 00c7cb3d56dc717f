"""Data that come with scikit-learn: nothing to download."""

import numpy as np
from sklearn.datasets import load_digits

from bench.data.dataset import Dataset


def digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits of 8 x 8 pixels in [0, 1]."""
    raw = load_digits()
    return Dataset(
        name="digits",
        pool=(raw.data / 16).astype(np.float32),
        labels=raw.target.astype(np.int64),
        class_names=tuple("0123456789"),
        image_shape=(8, 8),
    )
