"""Data that come with scikit-learn: nothing to download."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets

from bench.data.dataset import Dataset
from bench.data.features import fit_feature, make_matrix


def digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits of 8 x 8 pixels in [0, 1]."""
    raw = datasets.load_digits()
    return Dataset(
        name="digits",
        pool=(raw.data / 16).astype(np.float32),
        labels=raw.target.astype(np.int64),
        class_names=tuple("0123456789"),
        image_shape=(8, 8),
    )


def breast_cancer() -> Dataset:
    """Return 569 breast tumours, 30 measures of their cells' nuclei, malignant or benign (Wolberg et al. 1995)."""
    return _table("breast-cancer", datasets.load_breast_cancer)


def wine() -> Dataset:
    """Return 178 wines, 13 chemical measures, three growers (Aeberhard et al. 1992)."""
    return _table("wine", datasets.load_wine)


def iris() -> Dataset:
    """Return 150 irises, four measures, three species (Fisher 1936)."""
    return _table("iris", datasets.load_iris)


def _table(name: str, load: Callable[[], Any]) -> Dataset:
    """Return a table of scikit-learn's as a file with the same columns would be read."""
    raw = load()
    features = tuple(fit_feature(str(column), values) for column, values in zip(raw.feature_names, raw.data.T, strict=True))
    return Dataset(
        name=name,
        pool=make_matrix(features, list(raw.data.T)),
        labels=raw.target.astype(np.int64),
        class_names=tuple(map(str, raw.target_names)),
        features=features,
    )
