"""k nearest labelled neighbours."""

from typing import Any

import numpy as np
from jaxtyping import Int
from sklearn.neighbors import KNeighborsClassifier

from baselines.base import FewLabelClassifier


class NeighborsBaseline(FewLabelClassifier):
    """Distance-weighted vote of the nearest labelled items.

    Parameters
    ----------
    n_neighbors
        At most this many voters; fewer when there are fewer labels.
    """

    def __init__(self, n_classes: int | None = None, n_jobs: int = 1, random_state: int = 0, n_neighbors: int = 3) -> None:
        super().__init__(n_classes, n_jobs, random_state)
        self.n_neighbors = n_neighbors

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:
        return KNeighborsClassifier(min(self.n_neighbors, len(y)), weights="distance", n_jobs=self.n_jobs)
