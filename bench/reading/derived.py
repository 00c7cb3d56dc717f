"""Metrics that are computed from kept predictions when they are asked for."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Int
from sklearn import metrics

from bench.errors import SettingsError
from bench.reading.open_run import OpenRun
from bench.store.predictions import read_predictions

DERIVED: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "macro_f1": lambda truth, said: float(metrics.f1_score(truth, said, average="macro", zero_division=0)),
    "kappa": lambda truth, said: float(metrics.cohen_kappa_score(truth, said)),
    "matthews": lambda truth, said: float(metrics.matthews_corrcoef(truth, said)),
}
"""By name in `bench.stats.seeds.DERIVED`: from true classes and those said, of the items whose label was not shown."""


def derive(run: OpenRun, metric: str) -> None:
    """Add a column to the records of a run, from its kept predictions; cells without them have none.

    Raises
    ------
    SettingsError
        If the run kept none, or its data are missing.
    """
    truth = run.data.labels
    kept = read_predictions(run.folder, len(truth))
    scores = {cell: _score(DERIVED[metric], truth, classes) for cell, classes in kept}
    if not scores:
        raise SettingsError(f"{metric} is computed from predictions, and {run.folder} kept none; run it with --keep-predictions")
    records = run.every
    run.add_column(metric, pd.array(records["cell_id"].map(scores).to_numpy(float, na_value=np.nan), "Float64"))


def _score(
    score: Callable[[np.ndarray, np.ndarray], float], truth: Int[np.ndarray, " n"], classes: Int[np.ndarray, " n"]
) -> float:
    rest = (classes >= 0) & (truth >= 0)
    return score(truth[rest], classes[rest])
