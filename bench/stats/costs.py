"""What methods cost: processor time and memory of their cells, and of what they see."""

from dataclasses import dataclass

import pandas as pd

from bench.plan.samplers import RANDOM


@dataclass(frozen=True)
class MethodCost:
    """Cost of one method in one run, on the cores that it ran on; its trained models are not in it."""

    method: str
    n_cells: int
    cell_seconds: tuple[float, float, float]
    """Processor seconds of a cell: least, median, most."""
    view_seconds: float | None
    """Processor seconds of what it sees, once per clustering; `None` where no record says it."""
    total_seconds: float
    """Of all cells and views together."""
    peak_bytes: int | None
    """Most memory that a cell took beyond data and view."""
    n_by_clock: int
    """Cells without processor time, whose seconds are the clock's."""


def method_costs(records: pd.DataFrame) -> tuple[MethodCost, ...]:
    """Return what every method cost, the dearest cell first."""
    done = records[records["status"] == "ok"]
    return tuple(
        sorted((_cost(str(method), group) for method, group in done.groupby("method")), key=lambda cost: -cost.cell_seconds[1])
    )


def _cost(method: str, cells: pd.DataFrame) -> MethodCost:
    clock = cells["fit_seconds"].astype(float) + cells["predict_seconds"].astype(float)
    seconds = cells["cpu_seconds"].astype(float).fillna(clock)
    # Chosen items make cells of baselines differ between models, but not what the baseline sees.
    drawn = cells[cells["sampler"] == RANDOM]
    views = (
        (drawn if len(drawn) else cells).groupby(["n_components", "model_seed"], dropna=False)["view_cpu_seconds"].max().dropna()
    )
    peak = cells["peak_bytes"].max()
    return MethodCost(
        method=method,
        n_cells=len(cells),
        cell_seconds=(float(seconds.min()), float(seconds.median()), float(seconds.max())),
        view_seconds=float(views.median()) if len(views) else None,
        total_seconds=float(seconds.sum() + views.sum()),
        peak_bytes=None if pd.isna(peak) else int(peak),
        n_by_clock=int(cells["cpu_seconds"].isna().sum()),
    )
