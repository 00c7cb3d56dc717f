"""Measured speed as a table, with the time that a sweep would take."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.engine.speed import DEFAULT, STUDY, Measured


@dataclass(frozen=True)
class SweepHours:
    """What training a grid would take with one way to train."""

    name: str
    epochs: int
    trial_hours: tuple[float, ...]
    """One trial, for every K."""
    total_hours: float
    """All trials, as many side by side as fit."""


def speed_tables(measured: Measured, sweep: Sequence[SweepHours], components: Sequence[int], about: str) -> RenderableType:
    """Return the measurements, and the estimated hours of a sweep below them.

    Parameters
    ----------
    components
        Values of K, in the order of `SweepHours.trial_hours`.
    about
        What the sweep is, in words.
    """
    speeds = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    several = len(components) > 1
    names = ["", *(["K"] if several else []), "images/s", "x", "MFLOP/image", "of matrix", "posterior/s", "peak MB"]
    for name in names:
        speeds.add_column(name, justify="right" if name else "left")
    for k in components:
        slowest = measured.of(STUDY, k).images_per_second
        for speed in (speed for speed in measured.speeds if speed.n_components == k):
            speeds.add_row(
                speed.name,
                *([str(k)] if several else []),
                _three_digits(speed.images_per_second),
                f"{speed.images_per_second / slowest:,.1f}",
                _three_digits(speed.flop_per_image / 1e6),
                f"{speed.matrix_share:.0%}",
                _three_digits(speed.posterior_images_per_second),
                f"{speed.peak_bytes / 1e6:,.0f}",
            )
    hours = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    hours.add_column("")
    hours.add_column("epochs", justify="right")
    for k in components:
        hours.add_column(f"one model, K = {k}", justify="right")
    hours.add_column("the sweep", justify="right")
    for row in sweep:
        hours.add_row(row.name, f"{row.epochs:,}", *(_duration(hour) for hour in row.trial_hours), _duration(row.total_hours))
    matrix = ", ".join(f"{gflops:,.0f} GFLOP/s in {name}" for name, gflops in measured.matrix_gflops.items())
    title = f"Training on {measured.device} with {measured.n_threads} thread{'s' if measured.n_threads > 1 else ''}"
    sizes = {speed.name: speed for speed in measured.speeds}
    study, default = sizes[STUDY], sizes[DEFAULT]
    notes = (
        f"matrix products: {matrix}\n"
        f"exact (the study's own), sampled, bayes: the study's sizes, batch {study.batch_size}, {study.precision}\n"
        f"default: as `gmvae-bench run` trains, two views, batch {default.batch_size}, {default.precision}\n"
        "x: images/s over those of exact; of matrix: share of the speed of matrix products"
    )
    return Group(Text(title, style="bold"), Text(notes, style="dim"), speeds, Text(), Text(about, style="bold"), hours)


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.1f} min" if hours < 1 / 6 else f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
