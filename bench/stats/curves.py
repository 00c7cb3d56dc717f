"""Label-efficiency curves: method x clustering x budget, with mean and interval over seeds."""

import pandas as pd

from bench.stats.seeds import seed_tables

_KEY = ["method", "sampler", "n_components", "n_labeled"]
_GROUP = [*_KEY, "supervision"]


def curves(records: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Return one row per method, sampler, number of components and budget.

    Columns: method, sampler, n_components (null where no clusters take part), n_labeled, labeled_fraction, mean, ci_low, ci_high,
    n_ok, n_failed, label (as in tables), supervision (empty where nothing is wrong with the labels). `mean` is null where every
    cell failed or the metric does not apply.
    """
    rows = []
    counts = _counts(records)
    for table in seed_tables(records, metric):
        for n_labeled in table.budgets:
            interval = table.at(n_labeled)
            bounds = (interval.mean, interval.ci_low, interval.ci_high) if interval else (None, None, None)
            key = (table.method, table.sampler, table.n_components, n_labeled)
            share, n_ok, n_failed = counts[*key, table.supervision]
            rows.append((*key, share, *bounds, n_ok, n_failed, table.label, table.supervision))
    columns = [*_KEY, "labeled_fraction", "mean", "ci_low", "ci_high", "n_ok", "n_failed", "label", "supervision"]
    frame = pd.DataFrame(rows, columns=columns)
    types = {"n_components": "Int64", "n_labeled": "int64", "mean": "Float64", "ci_low": "Float64", "ci_high": "Float64"}
    return frame.astype(types)


def _counts(records: pd.DataFrame) -> dict[tuple[str, str, int | None, int, str], tuple[float, int, int]]:
    """Return, for each method, sampler, K and budget: the share of labels, finished cells, failed cells."""
    finished = records["status"] == "ok"
    if "supervision" not in records:
        records = records.assign(supervision=None)
    groups = records.assign(ok=finished, failed=~finished).groupby(_GROUP, dropna=False, sort=False)
    table = groups.agg(share=("labeled_fraction", "first"), ok=("ok", "sum"), failed=("failed", "sum")).reset_index()
    return {
        (str(method), str(sampler), None if pd.isna(k) else int(k), int(n), "" if pd.isna(supervision) else str(supervision)): (
            float(share),
            int(ok),
            int(failed),
        )
        for method, sampler, k, n, supervision, share, ok, failed in table.itertuples(index=False, name=None)
    }
