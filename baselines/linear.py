"""Logistic regression with the paper's settings."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from baselines.base import FewLabelClassifier

# A total variance of 1 is spread over some twenty features: their penalty is that of features of deviation 1.
_PENALTY = 16.0


class LogisticBaseline(FewLabelClassifier):
    """Standardised inputs, lbfgs, up to 2,000 iterations."""

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:  # noqa: ARG002
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000, random_state=self.random_state))

    def _fit_on(self, x: Float[np.ndarray, "s d"], y: Int[np.ndarray, " s"]) -> None:
        with warnings.catch_warnings():
            # 2,000 iterations are the paper's limit; stopping there is part of the setting.
            warnings.simplefilter("ignore", ConvergenceWarning)
            super()._fit_on(x, y)


class ScaledLogisticBaseline(LogisticBaseline):
    """For inputs that are scaled already: groups of features, each of total variance 1, whose small features tell little."""

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:  # noqa: ARG002
        return LogisticRegression(C=_PENALTY, max_iter=2_000, random_state=self.random_state)
