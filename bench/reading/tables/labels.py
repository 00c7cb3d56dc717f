"""Labels to a target accuracy for every method, with ratios to a reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.reading.tables.references import references
from bench.show.grid import Grid
from bench.show.texts import interval_cell, labels_text
from bench.stats.efficiency import Labels, Ratio, area_under_curve, efficiency_ratio, labels_to_target
from bench.stats.intervals import Interval
from bench.stats.ranks import average_ranks
from bench.stats.seeds import SeedTable, shared_budgets

TITLE = "Labels to a target"
_BOOSTED = "xgboost"
_COLUMNS = (
    *("method", "labels", "labels_low", "labels_high", "ratio", "ratio_bound"),
    *("area", "area_low", "area_high", "mean_rank"),
)


@dataclass(frozen=True)
class EfficiencyRow:
    """What one method's curve is worth in labels; `None` where it cannot be said."""

    label: str
    labels: Labels | None
    ratio: Ratio | None
    area: Interval | None
    rank: float | None


def make(run: OpenRun, ask: Ask) -> Grid:
    """Compute labels to the target for every method shown, with ratios to the reference (XGBoost, where the run has it).

    Raises
    ------
    SettingsError
        If a reference is named that the run does not have.
    """
    tables, bases = references(run, ask.metric, ask.reference or _BOOSTED, required=ask.reference is not None)
    rows, budgets, base = efficiency_rows(tables, ask.target, bases[0] if bases else None)
    return efficiency_grid(rows, ask.target, base, budgets, run.selections)


def efficiency_rows(
    tables: Sequence[SeedTable], target: float, base: SeedTable | None
) -> tuple[list[EfficiencyRow], tuple[int, ...], str | None]:
    """Return a row per method, the fewest labels first, the budgets that areas are over, and the reference's name."""
    of_base = labels_to_target(base, target) if base is not None else None
    budgets, ranks = shared_budgets(tables), average_ranks(tables)
    rows = []
    for table in tables:
        labels = of_base if table is base else labels_to_target(table, target)
        ratio = efficiency_ratio(labels, of_base) if labels and of_base and table is not base else None
        rows.append(EfficiencyRow(table.label, labels, ratio, area_under_curve(table, budgets), ranks.get(table.label)))
    rows.sort(key=lambda row: (row.labels.n if row.labels else np.inf, row.rank or np.inf))
    return rows, budgets, base.label if base is not None and of_base else None


def efficiency_grid(
    rows: Sequence[EfficiencyRow], target: float, reference: str | None, budgets: Sequence[int], selections: Sequence[str] = ()
) -> Grid:
    """Return, for each method: labels to the target, the reference's over them, area under the curve, mean rank."""
    compared = f"{reference} / it" if reference else None
    shared = f"{budgets[0]:,} to {budgets[-1]:,} labels" if budgets else "no budget"
    return Grid(
        f"Labels to {100 * target:g} % accuracy",
        ("method", "labels", *([compared] if compared else []), "area in %", "mean rank"),
        tuple(
            (
                row.label,
                labels_text(row.labels),
                *([_ratio(row.ratio)] if compared else []),
                interval_cell(row.area, 100),
                "-" if row.rank is None else f"{row.rank:.1f}",
            )
            for row in rows
        ),
        (
            "labels: where the mean curve gets there, with a bootstrap interval over seeds (too narrow with two or three)",
            *([f"{compared}: how many times as many labels {reference} needs; > at least, < at most"] if compared else []),
            f"area: mean accuracy over the log of the budget; like the rank, over what all methods have: {shared}",
            *selections,
        ),
        data=(
            _COLUMNS,
            *(_efficiency_values(row) for row in rows),
        ),
    )


def _efficiency_values(row: EfficiencyRow) -> tuple[object, ...]:
    labels = (row.labels.n, row.labels.ci_low, row.labels.ci_high) if row.labels else (None,) * 3
    ratio = (row.ratio.value, row.ratio.bound) if row.ratio else (None, None)
    area = (row.area.mean, row.area.ci_low, row.area.ci_high) if row.area else (None,) * 3
    return (row.label, *labels, *ratio, *area, row.rank)


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    if ratio.ci_low is None or ratio.ci_high is None or not np.isfinite(ratio.ci_high):
        return f"{ratio.bound} {ratio.value:.1f} x".strip()
    return f"{ratio.value:.1f} x\n{ratio.ci_low:.1f}-{ratio.ci_high:.1f}"
