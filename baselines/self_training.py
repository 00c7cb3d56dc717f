"""Self-training: a classifier that labels what it is sure of and learns again."""

import warnings
from typing import Any, Self

import numpy as np
from jaxtyping import Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from baselines.base import FewLabelClassifier, few_labels, to_float

# Unlabelled items to use; more take longer and teach a linear model nothing new.
_MAX_UNLABELED = 20_000


class SelfTrainingBaseline(FewLabelClassifier):
    """Logistic regression in scikit-learn's self-training (Yarowsky 1995), threshold 0.9, at most 8 rounds."""

    def fit(self, x: Any, y: Int[np.ndarray, " n"]) -> Self:
        """Learn from the items with y >= 0, then from what was confidently predicted for a sample of the others."""
        y, labeled = self._check_labels(x, y)
        unlabeled = np.flatnonzero(y < 0)
        rng = np.random.default_rng(self.random_state)
        taken = np.sort(rng.choice(unlabeled, min(_MAX_UNLABELED, len(unlabeled)), replace=False))
        self.seen_, codes = np.unique(y[labeled], return_inverse=True)
        if len(self.seen_) == 1 or not len(taken):
            self._fit_on(to_float(np.asarray(x[labeled])), y[labeled])
            return self
        rows = np.concatenate([labeled, taken])
        targets = np.concatenate([codes, np.full(len(taken), -1)])
        with few_labels():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model_ = SelfTrainingClassifier(self._make(y[labeled]), threshold=0.9, max_iter=8)
            self.model_.fit(to_float(np.asarray(x[rows])), targets)
        return self

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:  # noqa: ARG002
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, random_state=self.random_state))
