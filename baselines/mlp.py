"""A multilayer perceptron with the paper's settings, which depend on the number of labels."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from baselines.base import FewLabelClassifier


class MLPBaseline(FewLabelClassifier):
    """Hidden (64) below 100 labels, (128) below 500, else (256, 128); early stopping on 10 % of the labels from 50 labels on.

    Early stopping needs a class on both sides of the split: with a single label of some class, or fewer held-out labels than
    classes (below 260 labels of 26 classes), scikit-learn cannot split, and training runs up to 120 epochs with patience 20.
    """

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:
        n = len(y)
        early = n >= 50 and _can_hold_out(y)
        network = MLPClassifier(
            hidden_layer_sizes=hidden_layers(n),
            alpha=1e-4,
            learning_rate_init=1e-3,
            batch_size=min(128, n),
            max_iter=120,
            early_stopping=early,
            validation_fraction=0.1,
            n_iter_no_change=8 if early else 20,
            random_state=self.random_state,
        )
        return make_pipeline(StandardScaler(), network)

    def _fit_on(self, x: Float[np.ndarray, "s d"], y: Int[np.ndarray, " s"]) -> None:
        with warnings.catch_warnings():
            # 120 epochs are the paper's limit. Early stopping leaves 90 % of the labels, which a batch of min(128, n) can exceed.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message="Got `batch_size` less than 1 or larger than sample size")
            super()._fit_on(x, y)


def hidden_layers(n: int) -> tuple[int, ...]:
    """Return the paper's hidden widths for n labels."""
    return (64,) if n < 100 else (128,) if n < 500 else (256, 128)


def _can_hold_out(y: Int[np.ndarray, " s"]) -> bool:
    """Whether scikit-learn can split off 10 % of the labels with every class on both sides."""
    counts = np.unique(y, return_counts=True)[1]
    return bool(counts.min() >= 2 and 0.1 * len(y) >= len(counts))
