"""What every few-label learner shares: scikit-learn's semi-supervised contract with a fixed set of classes.

`fit(x, y)` takes the whole pool, y = -1 where an item has no label; `predict_proba(x)` has a column for every class, also for
those without a label (zero). Transductive learners also set `transduction_`, the classes of the pool itself.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator, ClassifierMixin

# Rows converted to floats at a time; a pool of bytes is never held as floats as a whole.
_CHUNK = 16_384


def to_float(x: np.ndarray) -> Float[np.ndarray, "n d"]:
    """Return float32: bytes become [0, 1], other values stay."""
    return x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x.astype(np.float32, copy=False)


@contextmanager
def few_labels() -> Iterator[None]:
    """Fit without scikit-learn's warning that classes with a label or two each may be meant as numbers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        yield


class FewLabelClassifier(ClassifierMixin, BaseEstimator):
    """Base of the learners that train on the labelled items alone.

    Parameters
    ----------
    n_classes
        L; `None` takes the largest class seen plus one.
    n_jobs
        Threads to use.
    random_state
        Seed of everything random in the learner.
    """

    def __init__(self, n_classes: int | None = None, n_jobs: int = 1, random_state: int = 0) -> None:
        self.n_classes = n_classes
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, x: Any, y: Int[np.ndarray, " n"]) -> Self:
        """Learn from the items with y >= 0."""
        y, labeled = self._check_labels(x, y)
        self._fit_on(to_float(np.asarray(x[labeled])), y[labeled])
        return self

    def predict_proba(self, x: Any) -> Float[np.ndarray, "n l"]:
        """Return class probabilities, (n, n_classes)."""
        proba = np.zeros((len(x), self.n_classes_), np.float32)
        if self.model_ is None:
            proba[:, self.seen_] = 1
            return proba
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            proba[part, self.seen_] = self.model_.predict_proba(to_float(np.asarray(x[part])))
        return proba

    def predict(self, x: Any) -> Int[np.ndarray, " n"]:
        """Return the most probable class of each item."""
        best: np.ndarray = self.predict_proba(x).argmax(axis=1)
        return best

    def _check_labels(self, x: Any, y: np.ndarray) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " s"]]:
        y = np.asarray(y)
        if y.shape != (x.shape[0],):
            raise ValueError(f"got labels of shape {y.shape} for {x.shape[0]} items; give one per item, -1 where unknown")
        labeled = np.flatnonzero(y >= 0)
        if not len(labeled):
            raise ValueError("no item has a label; give at least one class >= 0")
        self.n_classes_ = int(y.max()) + 1 if self.n_classes is None else self.n_classes
        if y.max() >= self.n_classes_:
            raise ValueError(f"got class {y.max()}, expected 0 … {self.n_classes_ - 1}")
        self.classes_ = np.arange(self.n_classes_)
        return y, labeled

    def _fit_on(self, x: Float[np.ndarray, "s d"], y: Int[np.ndarray, " s"]) -> None:
        self.seen_, codes = np.unique(y, return_inverse=True)
        # One class seen: there is nothing to tell apart, and most libraries refuse such data.
        with few_labels():
            self.model_ = self._make(y).fit(x, codes) if len(self.seen_) > 1 else None

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:
        """Return an unfitted scikit-learn classifier for labels `y`."""
        raise NotImplementedError
