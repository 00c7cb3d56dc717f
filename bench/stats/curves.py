"""Label-efficiency curves: method x clustering x budget, with mean and interval over seeds."""

import pandas as pd

from bench.stats.seeds import CURVE, seed_tables

_GROUP = [*CURVE, "n_labeled"]


def curves(records: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Return one row per method, sampler, number of components and budget.

    Columns: method, sampler, n_components (null where no clusters take part), n_labeled, labeled_fraction, mean, ci_low, ci_high,
    n_ok, n_failed, label (as in tables). `mean` is null where every cell failed or the metric does not apply.
    """
    rows = []
    counts = _counts(records)
    for table in seed_tables(records, metric):
        for n_labeled in table.budgets:
            interval = table.at(n_labeled)
            bounds = (interval.mean, interval.ci_low, interval.ci_high) if interval else (None, None, None)
            key = (table.method, table.sampler, table.n_components, n_labeled)
            share, n_ok, n_failed = counts[key]
            rows.append((*key, share, *bounds, n_ok, n_failed, table.label))
    frame = pd.DataFrame(rows, columns=[*_GROUP, "labeled_fraction", "mean", "ci_low", "ci_high", "n_ok", "n_failed", "label"])
    types = {"n_components": "Int64", "n_labeled": "int64", "mean": "Float64", "ci_low": "Float64", "ci_high": "Float64"}
    return frame.astype(types)


def _counts(records: pd.DataFrame) -> dict[tuple[str, str, int | None, int], tuple[float, int, int]]:
    """Return, for each method, sampler, K and budget: the share of labels, finished cells, failed cells."""
    finished = records["status"] == "ok"
    groups = records.assign(ok=finished, failed=~finished).groupby(_GROUP, dropna=False, sort=False)
    table = groups.agg(share=("labeled_fraction", "first"), ok=("ok", "sum"), failed=("failed", "sum")).reset_index()
    return {
        (str(method), str(sampler), None if pd.isna(k) else int(k), int(n)): (float(share), int(ok), int(failed))
        for method, sampler, k, n, share, ok, failed in table.itertuples(index=False, name=None)
    }
