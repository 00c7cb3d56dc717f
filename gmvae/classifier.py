"""A classifier from a clusterer and a few labels, with scikit-learn's semi-supervised contract."""

import numbers
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from gmvae.decoding import DECODERS
from gmvae.errors import InputError
from gmvae.estimator import GMVAE, IMAGE_DIMENSIONS, checked_items
from gmvae.missing import is_missing


class ClusterLabelClassifier(ClassifierMixin, BaseEstimator):
    """Clusters all items without labels, and names the clusters with the labels there are.

    Parameters
    ----------
    clusterer
        An unfitted estimator whose `predict_proba` gives q(c|x): `GMVAE`, or a `sklearn.mixture.GaussianMixture`. `None` means
        `GMVAE()`.
    decoding
        A name of `gmvae.decoding.DECODERS`: `soft`, `soft-bayes`, `hard` or `hard-fallback`.

    Attributes
    ----------
    clusterer_
        The fitted clusterer.
    decoder_ : gmvae.decoding.LabelDecoder
        What the clusters mean.
    classes_ : array (L,)
        The classes that were seen, sorted.
    transduction_ : array (n,)
        Class of each item of `fit`.
    """

    def __init__(self, clusterer: Any = None, *, decoding: str = "soft") -> None:
        self.clusterer = clusterer
        self.decoding = decoding

    def fit(self, X: Any, y: Shaped[np.ndarray, " n"]) -> Self:  # noqa: N803
        """Learn from all items (n, n_features) and their classes; -1 says that an item has no label.

        Raises
        ------
        InputError
            If no item has a label, or `decoding` is not known.
        """
        if self.decoding not in DECODERS:
            raise InputError(f"unknown decoding {self.decoding!r}; expected one of {', '.join(DECODERS)}")
        items = checked_items(self, X, reset=True)
        classes = self._checked_classes(y, len(items))
        # Asking texts whether they are -1 would compare what cannot be compared.
        labeled = np.ones(len(classes), bool) if classes.dtype.kind == "U" else classes != -1
        if not labeled.any():
            raise InputError("no item has a label; give at least one class other than -1")
        check_classification_targets(classes[labeled])
        self.classes_, codes = np.unique(classes[labeled], return_inverse=True)
        shown = np.full(len(classes), -1)
        shown[labeled] = codes
        clusterer = GMVAE() if self.clusterer is None else self.clusterer
        # GMVAE learns the shape of images; others take tables alone.
        is_images = getattr(X, "ndim", None) in IMAGE_DIMENSIONS and isinstance(clusterer, GMVAE)
        self.clusterer_ = clone(clusterer).fit(X if is_images else items)
        posterior = self.clusterer_.predict_proba(items)
        self.decoder_ = DECODERS[self.decoding](len(self.classes_)).fit(posterior, shown)
        self.transduction_ = self.classes_[self.decoder_.predict(posterior)]
        return self

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n l"]:  # noqa: N803
        """Return class probabilities, a column for each of `classes_`."""
        check_is_fitted(self, "decoder_")
        posterior = self._posterior(X)
        return self.decoder_.predict_proba(posterior).astype(posterior.dtype, copy=False)

    def predict(self, X: Any) -> Shaped[np.ndarray, " n"]:  # noqa: N803
        """Return the class of each item."""
        check_is_fitted(self, "decoder_")
        said: np.ndarray = self.classes_[self.decoder_.predict(self._posterior(X))]
        return said

    def _posterior(self, x: Any) -> Float[np.ndarray, "n k"]:
        posterior: np.ndarray = self.clusterer_.predict_proba(checked_items(self, x, reset=False))
        return posterior

    @staticmethod
    def _checked_classes(y: Any, n: int) -> np.ndarray:
        if y is None:
            raise InputError("requires y to be passed, but the target y is None")
        classes: np.ndarray = column_or_1d(y, warn=True)
        if len(classes) != n:
            raise InputError(f"got {len(classes)} classes for {n} items; give one each, -1 where unknown")
        if classes.dtype.kind == "f" and not np.isfinite(classes).all():
            raise InputError("y contains NaN or infinity; give -1 where a class is not known")
        if classes.dtype.kind in "OUST":
            _refuse_words(classes)
        return classes


def _refuse_words(classes: np.ndarray) -> None:
    """Refuse what says "no label" in another way than the number -1: taken as a class, it would teach the wrong thing."""
    words = [value for value in classes.tolist() if is_missing(value) and not (isinstance(value, numbers.Real) and value == -1)]
    if words:
        raise InputError(
            f"y says {words[0]!r} for {len(words):,} items, which means that they have no label; give -1 there, in an array of "
            "dtype=object beside classes that are texts"
        )
