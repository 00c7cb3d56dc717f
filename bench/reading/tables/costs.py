"""What trainings and methods cost: CPU time, and memory of cells."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.show.grid import Grid
from bench.stats.costs import MethodCost, TrainingCost, method_costs, training_costs

if TYPE_CHECKING:
    import pandas as pd

TITLE = "What it cost"


def make(run: OpenRun, ask: Ask) -> Grid:  # noqa: ARG001 - time and memory are the metrics
    """Add up what the trainings and the methods shown cost."""
    of_k: dict[int, list[pd.DataFrame]] = {}
    for key, history in run.histories.items():
        if run.part.has(key):
            of_k.setdefault(key.n_components, []).append(history)
    about = f"{run.name}, {run.described['n_pool']:,} items"
    return costs_grid(method_costs(run.records), training_costs(of_k), about, run.selections)


def costs_grid(
    costs: Sequence[MethodCost], trainings: Sequence[TrainingCost], about: str, selections: Sequence[str] = ()
) -> Grid:
    """Return what training and every method cost."""
    rows: list[tuple[str, ...]] = []
    data: list[tuple[object, ...]] = []
    for training in trainings:
        k, hours = training.n_components, training.total_seconds / 3600
        name = f"training, K = {k}" if k > 1 else "training, plain VAE"
        rows.append((name, f"{training.n_models:,}", *map(_seconds, training.model_seconds), "-", f"{hours:.2f}", "-"))
        by = _measured_by(training.n_by_clock, training.n_models)
        data.append((f"training K={k}", training.n_models, by, *training.model_seconds, None, hours, None, 0))
    for cost in costs:
        view = "-" if cost.view_seconds is None else _seconds(cost.view_seconds)
        peak = "-" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:,.0f}"
        total = cost.total_seconds / 3600
        rows.append((cost.method, f"{cost.n_cells:,}", *map(_seconds, cost.cell_seconds), view, f"{total:.2f}", peak))
        by = _measured_by(cost.n_by_clock, cost.n_cells)
        data.append((cost.method, cost.n_cells, by, *cost.cell_seconds, cost.view_seconds, total, cost.peak_bytes, cost.n_failed))
    by_clock = ", ".join(f"{cost.method} {cost.n_by_clock:,}" for cost in costs if cost.n_by_clock)
    failed = ", ".join(f"{cost.method} {cost.n_failed:,}" for cost in costs if cost.n_failed)
    return Grid(
        "What it cost",
        ("", "cells", "least", "median", "most", "sees", "hours", "MB"),
        tuple(rows),
        (
            about,
            "least, median, most: CPU seconds of a cell, to fit and to predict; hours: of all",
            *_of_trainings(trainings),
            "sees: CPU seconds of what the method sees (a graph, clusters), once for all its cells; models are rows of their own",
            "MB: most memory of a cell beyond data and what it sees",
            *([f"by the clock too, for want of CPU time: cells of {by_clock}"] if by_clock else []),
            *([f"not counted: cells that failed, of {failed}"] if failed else []),
            *selections,
        ),
        data=(
            ("method", "cells", "measured_by", "seconds_least", "seconds_median", "seconds_most", "view_cpu_seconds", "hours",
             "peak_bytes", "n_failed"),
            *data,
        ),
    )  # fmt: skip


def _measured_by(n_by_clock: int, n: int) -> str:
    return "cpu" if not n_by_clock else "clock" if n_by_clock == n else "cpu and clock"


def _of_trainings(trainings: Sequence[TrainingCost]) -> list[str]:
    """Say what the seconds of trainings are."""
    clock = "by the clock, waiting beside other work included"
    by_clock = [training for training in trainings if training.n_by_clock]
    if not by_clock:
        return ["of a training: CPU seconds, and hours of all"] if trainings else []
    if sum(training.n_by_clock for training in by_clock) == sum(training.n_models for training in trainings):
        return [f"of a training: seconds and hours {clock}"]
    some = ", ".join(f"{training.n_by_clock} of K = {training.n_components}" for training in by_clock)
    return [f"of a training: CPU seconds, and hours of all; {clock}: {some}"]


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2g}"
