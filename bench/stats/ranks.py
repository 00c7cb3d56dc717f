"""Mean ranks of methods in one run. Without scipy.stats, whose import takes longer than printing a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.stats.seeds import SeedTable, shared_budgets


def average_ranks(tables: Sequence[SeedTable], *, lower_is_better: bool = False) -> dict[str, float]:
    """Return each method's mean rank over the budgets and label seeds that all of them have; 1 is best, ties share.

    Empty where they have none in common.
    """
    budgets = shared_budgets(tables)
    seeds = sorted(set.intersection(*(set(table.label_seeds) for table in tables))) if tables else []
    if not budgets or not seeds:
        return {}
    scores = np.array(
        [
            [[_mean(table.scores[table.budgets.index(n), :, table.label_seeds.index(seed)]) for seed in seeds] for n in budgets]
            for table in tables
        ]
    ).reshape(len(tables), -1)
    if lower_is_better:
        scores = -scores
    # A failed cell is worse than any score.
    ranks = pd.DataFrame(np.where(np.isfinite(scores), scores, -np.inf)).rank(ascending=False).mean(axis=1)
    return {table.label: float(rank) for table, rank in zip(tables, ranks, strict=True)}


def _mean(values: Float[np.ndarray, " m"]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
