"""What trainings and methods cost: processor time, and memory of cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

# What a method sees is made once for each of these. Chosen items make cells differ between models, but not what methods see that
# need none of them, or all.
_VIEWED = {"nothing": ["dataset"], "models": ["n_components", "models"]}
_OF_MODEL = ["n_components", "model_seed"]
Spread = tuple[float, float, float]
"""Least, median, most."""


@dataclass(frozen=True)
class TrainingCost:
    """Cost of the trained models of one number of components."""

    n_components: int
    """1: a plain VAE."""
    n_models: int
    model_seconds: Spread
    """Processor seconds of a training."""
    total_seconds: float
    n_by_clock: int
    """Trainings without processor time, whose seconds are the clock's."""


@dataclass(frozen=True)
class MethodCost:
    """Cost of one method in one run, on the cores that it ran on; its trained models are not in it."""

    method: str
    n_cells: int
    cell_seconds: Spread
    """Processor seconds of a cell."""
    view_seconds: float | None
    """Processor seconds of what it sees, once per clustering; `None` where no record says it."""
    total_seconds: float
    """Of all cells and views together."""
    peak_bytes: int | None
    """Most memory that a cell took beyond data and view."""
    n_by_clock: int
    """Cells without processor time, whose seconds are the clock's."""
    n_failed: int
    """Cells that failed, whose time is unknown."""


def training_costs(histories: Mapping[int, Sequence[pd.DataFrame]]) -> tuple[TrainingCost, ...]:
    """Return what the trainings cost, from the histories of models by their number of components."""
    return tuple(_training_cost(k, pd.concat([history.iloc[-1:] for history in of_k])) for k, of_k in histories.items())


def _training_cost(n_components: int, last: pd.DataFrame) -> TrainingCost:
    cpu = last.get("cpu_seconds", pd.Series(float("nan"), last.index)).astype(float)
    seconds = cpu.fillna(last["seconds"].astype(float))
    return TrainingCost(n_components, len(last), _spread(seconds), float(seconds.sum()), int(cpu.isna().sum()))


def method_costs(records: pd.DataFrame) -> tuple[MethodCost, ...]:
    """Return what every method cost, the costliest cell first."""
    done = ((str(method), group) for method, group in records.groupby("method") if (group["status"] == "ok").any())
    costs = (_cost(method, group, _VIEWED.get(str(group["needs"].iloc[0]), _OF_MODEL)) for method, group in done)
    return tuple(sorted(costs, key=lambda cost: -cost.cell_seconds[1]))


def _cost(method: str, every: pd.DataFrame, viewed: list[str]) -> MethodCost:
    cells = every[every["status"] == "ok"]
    clock = cells["fit_seconds"].astype(float) + cells["predict_seconds"].astype(float)
    seconds = cells["cpu_seconds"].astype(float).fillna(clock)
    views = cells.groupby(viewed, dropna=False)["view_cpu_seconds"].max().dropna()
    peak = cells["peak_bytes"].max()
    return MethodCost(
        method=method,
        n_cells=len(cells),
        cell_seconds=_spread(seconds),
        view_seconds=float(views.median()) if len(views) else None,
        total_seconds=float(seconds.sum() + views.sum()),
        peak_bytes=None if pd.isna(peak) else int(peak),
        n_by_clock=int(cells["cpu_seconds"].isna().sum()),
        n_failed=len(every) - len(cells),
    )


def _spread(seconds: pd.Series) -> Spread:
    return float(seconds.min()), float(seconds.median()), float(seconds.max())
