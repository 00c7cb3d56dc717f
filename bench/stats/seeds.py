"""Records as tables of seeds: what every statistic over seeds starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from bench.errors import SettingsError, unknown_name
from bench.plan.selection import ORACLE_MARK, is_oracle
from bench.stats.intervals import Interval, table_interval

METRICS = ("accuracy", "macro_accuracy", "accuracy_test", "fit_seconds")
LOWER_IS_BETTER = ("fit_seconds",)
NO_MODEL_SEED = -1


@dataclass(frozen=True, eq=False)
class SeedTable:
    """One method's scores at every budget and seed; NaN where a cell failed or is missing."""

    method: str
    n_components: int | None
    budgets: tuple[int, ...]
    model_seeds: tuple[int, ...]
    """Only -1 for a method without a model."""
    label_seeds: tuple[int, ...]
    scores: Float[np.ndarray, "b m s"]
    label: str
    """Method, K where records hold several, and a mark where its settings were chosen by labels that no user has."""
    highest: float = 1.0
    """Of the metric's values, as 0 is the lowest: intervals end there."""

    def at(self, n_labeled: int) -> Interval | None:
        """Return the mean at a budget with its interval; `None` where the method has no score there."""
        if n_labeled not in self.budgets:
            return None
        scores = self.scores[self.budgets.index(n_labeled)]
        if not np.isfinite(scores).any():
            return None
        found = table_interval(scores)
        # Student's interval knows no bounds; a share does. Seconds only have the lower one.
        low, high = (None if bound is None else float(np.clip(bound, 0, self.highest)) for bound in (found.ci_low, found.ci_high))
        return Interval(found.mean, low, high)

    @property
    def scored_budgets(self) -> tuple[int, ...]:
        """Budgets at which at least one cell has a score."""
        return tuple(n for n, scores in zip(self.budgets, self.scores, strict=True) if np.isfinite(scores).any())


def seed_tables(records: pd.DataFrame, metric: str) -> tuple[SeedTable, ...]:
    """Return a table per method and number of components, in the order in which records name them.

    Raises
    ------
    SettingsError
        For an unknown metric, or one that no finished record has.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if not records[metric].notna().any() and (records["status"] == "ok").any():
        raise SettingsError(f"no record has {metric!r}; accuracy_test needs a run with --holdout")
    highest = float("inf") if metric in LOWER_IS_BETTER else 1.0
    several = len(records["n_components"].dropna().unique()) > 1
    tables = []
    filled = records.assign(model_seed=records["model_seed"].fillna(NO_MODEL_SEED).astype(int))
    key: Any
    for key, group in filled.groupby(["method", "n_components"], dropna=False, sort=False):
        method, k = key
        budgets, models, labels = (tuple(sorted(group[name].unique())) for name in ("n_labeled", "model_seed", "label_seed"))
        values = np.full((len(budgets), len(models), len(labels)), np.nan)
        finished = group[(group["status"] == "ok") & group[metric].notna()]
        places = tuple(
            np.searchsorted(known, finished[name])
            for known, name in ((budgets, "n_labeled"), (models, "model_seed"), (labels, "label_seed"))
        )
        values[places] = finished[metric].to_numpy(float)
        ints = [tuple(map(int, seeds)) for seeds in (budgets, models, labels)]
        label = f"{method} K={k}" if several and not pd.isna(k) else str(method)
        if "selection" in group and any(is_oracle(str(chosen)) for chosen in group["selection"].dropna().unique()):
            label += ORACLE_MARK
        tables.append(SeedTable(str(method), None if pd.isna(k) else int(k), ints[0], ints[1], ints[2], values, label, highest))
    return tuple(tables)


def shared_budgets(tables: Sequence[SeedTable]) -> tuple[int, ...]:
    """Return the budgets at which every one of the methods has a score."""
    return tuple(sorted(set.intersection(*(set(table.scored_budgets) for table in tables)))) if tables else ()
