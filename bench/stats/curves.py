"""Label-efficiency curves: method x clustering x budget, with mean and interval over seeds."""

import numpy as np
import pandas as pd

from bench.errors import SettingsError
from bench.stats.intervals import table_interval
from bench.stats.seeds import seed_tables

LOWER_IS_BETTER = ("fit_seconds",)
METRICS = ("accuracy", "macro_accuracy", "accuracy_test", "fit_seconds")
_GROUP = ["method", "n_components", "n_labeled"]


def curves(records: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Return one row per method, number of components and budget.

    Columns: method, n_components (null for methods without clusters), n_labeled, labeled_fraction, mean, ci_low, ci_high, n_ok,
    n_failed. `mean` is null where every cell failed or the metric does not apply.
    """
    if metric not in METRICS:
        raise SettingsError(f"unknown metric {metric!r}; expected one of {', '.join(METRICS)}")
    if not records[metric].notna().any() and (records["status"] == "ok").any():
        raise SettingsError(f"no record has {metric!r}; accuracy_test needs a run with --holdout")
    rows = []
    counts = _counts(records)
    for table in seed_tables(records, metric):
        for n_labeled, scores in zip(table.budgets, table.scores, strict=True):
            found = table_interval(scores) if np.isfinite(scores).any() else None
            bounds = (found.mean, found.ci_low, found.ci_high) if found else (None, None, None)
            share, n_ok, n_failed = counts[table.method, table.n_components, n_labeled]
            rows.append((table.method, table.n_components, n_labeled, share, *bounds, n_ok, n_failed))
    frame = pd.DataFrame(rows, columns=[*_GROUP, "labeled_fraction", "mean", "ci_low", "ci_high", "n_ok", "n_failed"])
    types = {"n_components": "Int64", "n_labeled": "int64", "mean": "Float64", "ci_low": "Float64", "ci_high": "Float64"}
    frame = frame.astype(types)
    # Student's interval knows no bounds; a share does. Seconds only have the lower one.
    frame[["ci_low", "ci_high"]] = frame[["ci_low", "ci_high"]].clip(0, None if metric in LOWER_IS_BETTER else 1)
    return frame


def _counts(records: pd.DataFrame) -> dict[tuple[str, int | None, int], tuple[float, int, int]]:
    """Return, for each method, K and budget: the share of labels, finished cells, failed cells."""
    finished = records["status"] == "ok"
    groups = records.assign(ok=finished, failed=~finished).groupby(_GROUP, dropna=False, sort=False)
    table = groups.agg(share=("labeled_fraction", "first"), ok=("ok", "sum"), failed=("failed", "sum")).reset_index()
    return {
        (str(method), None if pd.isna(k) else int(k), int(n)): (float(share), int(ok), int(failed))
        for method, k, n, share, ok, failed in table.itertuples(index=False, name=None)
    }
