"""Wires a run's records and cluster sizes to the tables of statistics that commands and the report share."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int

from bench.plan.cells import ModelKey
from bench.show.grid import Grid
from bench.show.statistics import efficiency_grid, observed_grid, sizes_grid
from bench.stats.cluster_coverage import all_covered, covered_probabilities, labels_needed, observed_coverage
from bench.stats.efficiency import area_under_curve, average_ranks, efficiency_ratio, labels_to_target
from bench.stats.seeds import SeedTable

BOOSTED = "xgboost"
CONFIDENCES = (0.95, 0.99)
Sizes = Mapping[ModelKey, Int[np.ndarray, " k"]]
"""Items per cluster (argmax) of each model."""


def efficiency_of(tables: Sequence[SeedTable], target: float, reference: SeedTable | None = None) -> Grid:
    """Compute labels to a target for every method, with ratios to a reference (XGBoost, where the run has it)."""
    base = reference or next((table for table in tables if table.method == BOOSTED), None)
    ranks = average_ranks(tables)
    rows = [
        (
            table.label,
            labels_to_target(table, target),
            efficiency_ratio(table, base, target) if base is not None else None,
            area_under_curve(table),
            ranks[table.label],
        )
        for table in tables
    ]
    rows.sort(key=lambda row: (row[1].n, row[4]))
    if base is None:
        return efficiency_grid(rows, target, "-")
    return efficiency_grid(rows, target, base.label, labels_to_target(base, target))


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
