"""Wires a run's records and cluster sizes to the tables of statistics that commands and the report share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from bench.plan.cells import ModelKey
from bench.show.grid import Grid
from bench.show.statistics import EfficiencyRow, efficiency_grid, observed_grid, sizes_grid
from bench.stats.cluster_coverage import all_covered, covered_probabilities, labels_needed, observed_coverage
from bench.stats.efficiency import area_under_curve, efficiency_ratio, labels_to_target
from bench.stats.ranks import average_ranks
from bench.stats.seeds import SeedTable, reference_tables, shared_budgets

BOOSTED = "xgboost"
CONFIDENCES = (0.95, 0.99)
Sizes = Mapping[ModelKey, Int[np.ndarray, " k"]]
"""Items per cluster (argmax) of each model."""


def known_labels(dataset: Mapping[str, Any]) -> int:
    """Return the items of the pool whose label is known, from what `dataset.json` says: the ones that labels are drawn from."""
    return int(dataset.get("n_pool_labels_known", dataset["n_pool"]))


def efficiency_of(tables: Sequence[SeedTable], target: float, reference: SeedTable | None = None) -> Grid:
    """Compute labels to a target for every method, with ratios to a reference (XGBoost, where the run has it)."""
    base = reference or next(iter(reference_tables(tables, BOOSTED)), None)
    of_base = labels_to_target(base, target) if base is not None else None
    budgets, ranks = shared_budgets(tables), average_ranks(tables)
    rows = []
    for table in tables:
        labels = of_base if table is base else labels_to_target(table, target)
        ratio = efficiency_ratio(labels, of_base) if labels and of_base and table is not base else None
        rows.append(EfficiencyRow(table.label, labels, ratio, area_under_curve(table, budgets), ranks.get(table.label)))
    rows.sort(key=lambda row: (row.labels.n if row.labels else np.inf, row.rank or np.inf))
    return efficiency_grid(rows, target, base.label if base is not None and of_base else None, budgets)


def coverage_of(sizes: Sizes, n_pool: int, confidences: tuple[float, ...]) -> Grid:
    """Compute labels needed for the clusters of every model."""
    rows = []
    for key, of_model in sizes.items():
        filled = of_model[of_model > 0]
        for level in confidences:
            without, with_ = (labels_needed(filled, level, replacement=replacement) for replacement in (False, True))
            check = all_covered(filled, without.enough, replacement=False)
            rows.append((key.id, int((of_model == 0).sum()), without, with_, check))
    return sizes_grid(rows, n_pool)


def observed_of(records: pd.DataFrame, sizes: Sizes) -> Grid:
    """Compute what the run's draws covered, beside what the sizes of its clusters predict."""
    observed = observed_coverage(records)
    expected: dict[tuple[int, int], float] = {}
    for row in observed:
        of_k = [size for key, size in sizes.items() if key.n_components == row.n_components]
        covered = [float(covered_probabilities(size, row.n_labeled, replacement=False).sum()) for size in of_k]
        expected[row.n_components, row.n_labeled] = float(np.mean(covered)) if covered else float("nan")
    return observed_grid(observed, expected)
