"""How far a run is, and what a command would run."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from bench.errors import number_of
from bench.show.durations import format_seconds
from bench.show.grid import Grid, render_grid
from bench.store.progress import Progress, TrainingProgress

if TYPE_CHECKING:
    from bench.engine.estimate import Estimate
    from bench.engine.work import Work


def status_grid(
    title: str,
    methods: Sequence[tuple[str, int, int, int, int]],
    progress: Progress | None,
    trained: Sequence[str],
    untrained: Sequence[str],
    notes: Sequence[str],
) -> Grid:
    """Return cells by method (name, done, running, failed, missing) and what is said of models."""
    rows = [(name, *(f"{count:,}" for count in counts)) for name, *counts in methods]
    if len(methods) > 1:
        rows.append(("all", *(f"{sum(column):,}" for column in zip(*(counts for _, *counts in methods), strict=True))))
    about = [f"models: {len(trained)} of {len(trained) + len(untrained)} trained"] if trained or untrained else []
    active = {} if progress is None else {key: value for key, value in progress.trainings.items() if key in untrained}
    about += [f"  {key}: {_training(active[key])}" for key in untrained if key in active]
    return Grid(title, ("cells", "done", "running", "failed", "missing"), tuple(rows), (*about, *notes))


def _training(progress: TrainingProgress) -> str:
    if progress.state != "training" or not progress.epoch:
        return progress.state
    left = progress.seconds / progress.epoch * (progress.epochs - progress.epoch)
    return f"epoch {progress.epoch} of {progress.epochs}, about {format_seconds(left)} left"


def render_preview(work: "Work", done: int, failed: int, estimate: "Estimate", cpus: int, width: int) -> RenderableType:
    """Return what a command would run, what is done already, and about how long it takes."""
    cells = Counter(cell.method for batch in work.batches for cell in batch.cells)
    rows = [(name, f"{count:,}") for name, count in cells.items()]
    there = "" if work.folder.exists() else " (new)"
    grid = Grid(f"would run {number_of(sum(cells.values()), 'cell')} in {work.folder}{there}", ("method", "cells"), tuple(rows))
    models = ", ".join(job.key.id for job in work.trainings) or "none"
    lines = [*work.notices, f"trainings: {len(work.trainings)} ({models})", f"done already: {number_of(done, 'cell')}"]
    if failed:
        lines.append(f"failed before and left alone: {number_of(failed, 'cell')}; --retry-failed runs them again")
    time = (
        f"about {format_seconds(estimate.makespan(cpus))} on {number_of(cpus, 'CPU')} (CPU time: "
        f"training {format_seconds(estimate.training_seconds)}, judging {format_seconds(estimate.judging_seconds)})"
    )
    lines.append(time if cells else "nothing to run")
    parts: list[RenderableType] = [render_grid(grid, width)] if cells else []
    return Group(*parts, *(Text(line) for line in lines))
