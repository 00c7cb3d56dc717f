"""What stands for a whole run where there is room for little: one number of components, and a few methods."""

from collections.abc import Sequence

import pandas as pd

from bench.plan.samplers import RANDOM
from bench.stats.order import ordered
from bench.stats.seeds import LOWER_IS_BETTER, SeedTable

N_CHIEF = 8
"""Lines that can be told apart by colour, and rows that are read at a glance."""
# The paper's comparison: its decoder, the one that it improves on, and its baseline. They are shown wherever a run has them.
_STANDING = ("soft", "hard", "xgboost")


def chief_components(records: pd.DataFrame) -> int | None:
    """Return the K that figures speak of: the one most methods have, then most budgets, then the largest; `None` without any."""
    clustered = records.dropna(subset=["n_components"])
    if clustered.empty:
        return None
    of_each = clustered.assign(curve=clustered["method"] + "@" + clustered["sampler"]).groupby("n_components")
    counts = {int(str(k)): (of_k["curve"].nunique(), of_k["n_labeled"].nunique(), k) for k, of_k in of_each}
    return max(counts, key=counts.__getitem__)


def of_components(records: pd.DataFrame, k: int | None) -> pd.DataFrame:
    """Return the records of one K, and those of methods without any."""
    return records if k is None else records[(records["n_components"] == k) | records["n_components"].isna()]


def ranked(tables: Sequence[SeedTable], metric: str) -> list[SeedTable]:
    """Return the methods by their mean over the budgets that all of them have, the best first."""
    means = {table: {n: interval.mean for n in table.budgets if (interval := table.at(n)) is not None} for table in tables}
    return ordered(means, lower_is_better=metric in LOWER_IS_BETTER)[0]


def chief_tables(tables: Sequence[SeedTable], metric: str = "accuracy") -> list[SeedTable]:
    """Return at most eight methods, the best first.

    They are the best one of all, the best that needs neither model nor clusters, those of the paper's comparison, and then the
    best of the others.
    """
    order = ranked(tables, metric)
    if len(order) <= N_CHIEF:
        return order
    alone = [table for table in order if table.needs == "nothing" and table.sampler == RANDOM]
    standing = [table for name in _STANDING for table in order if table.method == name and table.sampler == RANDOM]
    chosen = list(dict.fromkeys([*order[:1], *alone[:1], *standing, *order]))[:N_CHIEF]
    return [table for table in order if table in chosen]
