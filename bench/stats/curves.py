"""Label-efficiency curves: method x clustering x budget, with mean and interval over seeds."""

import pandas as pd

from bench.stats.seeds import seed_tables

_GROUP = ["method", "n_components", "n_labeled"]


def curves(records: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Return one row per method, number of components and budget.

    Columns: method, n_components (null for methods without clusters), n_labeled, labeled_fraction, mean, ci_low, ci_high, n_ok,
    n_failed. `mean` is null where every cell failed or the metric does not apply.
    """
    rows = []
    counts = _counts(records)
    for table in seed_tables(records, metric):
        for n_labeled in table.budgets:
            found = table.at(n_labeled)
            bounds = (found.mean, found.ci_low, found.ci_high) if found else (None, None, None)
            share, n_ok, n_failed = counts[table.method, table.n_components, n_labeled]
            rows.append((table.method, table.n_components, n_labeled, share, *bounds, n_ok, n_failed))
    frame = pd.DataFrame(rows, columns=[*_GROUP, "labeled_fraction", "mean", "ci_low", "ci_high", "n_ok", "n_failed"])
    types = {"n_components": "Int64", "n_labeled": "int64", "mean": "Float64", "ci_low": "Float64", "ci_high": "Float64"}
    return frame.astype(types)


def _counts(records: pd.DataFrame) -> dict[tuple[str, int | None, int], tuple[float, int, int]]:
    """Return, for each method, K and budget: the share of labels, finished cells, failed cells."""
    finished = records["status"] == "ok"
    groups = records.assign(ok=finished, failed=~finished).groupby(_GROUP, dropna=False, sort=False)
    table = groups.agg(share=("labeled_fraction", "first"), ok=("ok", "sum"), failed=("failed", "sum")).reset_index()
    return {
        (str(method), None if pd.isna(k) else int(k), int(n)): (float(share), int(ok), int(failed))
        for method, k, n, share, ok, failed in table.itertuples(index=False, name=None)
    }
