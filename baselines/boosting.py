"""Gradient-boosted trees with the paper's settings."""

from typing import Any

import numpy as np
from jaxtyping import Int
from xgboost import XGBClassifier

from baselines.base import FewLabelClassifier


class XGBoostBaseline(FewLabelClassifier):
    """200 trees of depth 6, rate 0.1, rows and columns sampled at 0.9, `hist`; softmax, logistic where two classes are seen."""

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:  # noqa: ARG002
        return XGBClassifier(
            n_estimators=200,
            max_depth=6,
            learning_rate=0.1,
            subsample=0.9,
            colsample_bytree=0.9,
            tree_method="hist",
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        )
