"""Fitting k-means without a warning about items that occur again and again: they are told of once, where data are read."""

import warnings
from typing import Any, TypeVar

import numpy as np

KMeansLike = TypeVar("KMeansLike", bound=Any)


def fitted_quietly(model: KMeansLike, items: np.ndarray) -> KMeansLike:
    """Fit one of scikit-learn's k-means to items (n, d) and return it; of fewer different ones than clusters, some stay empty."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(items)
    return model
