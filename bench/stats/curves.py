"""Label-efficiency curves: method x clustering x budget, with mean and interval over seeds."""

import pandas as pd

from bench.errors import SettingsError
from bench.stats.intervals import seed_interval

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
    for (method, n_components, n_labeled), group in records.groupby(_GROUP, dropna=False, sort=False):
        finished = group[(group["status"] == "ok") & group[metric].notna()]
        interval = seed_interval(finished, metric) if len(finished) else None
        rows.append(
            {
                "method": method,
                "n_components": n_components,
                "n_labeled": n_labeled,
                "labeled_fraction": group["labeled_fraction"].iloc[0],
                "mean": interval.mean if interval else None,
                "ci_low": interval.ci_low if interval else None,
                "ci_high": interval.ci_high if interval else None,
                "n_ok": int((group["status"] == "ok").sum()),
                "n_failed": int((group["status"] != "ok").sum()),
            }
        )
    frame = pd.DataFrame(rows, columns=[*_GROUP, "labeled_fraction", "mean", "ci_low", "ci_high", "n_ok", "n_failed"])
    types = {"n_components": "Int64", "n_labeled": "int64", "mean": "Float64", "ci_low": "Float64", "ci_high": "Float64"}
    frame = frame.astype(types)
    # Student's interval knows no bounds; a share does. Seconds only have the lower one.
    frame[["ci_low", "ci_high"]] = frame[["ci_low", "ci_high"]].clip(0, None if metric in LOWER_IS_BETTER else 1)
    return frame
