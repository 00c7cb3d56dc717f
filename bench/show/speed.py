"""Measured speed as tables, and the time that a sweep would take."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.engine.speed import DEFAULT, PAPER, Measured
from bench.errors import number_of
from bench.show.grid import Grid


@dataclass(frozen=True)
class SweepHours:
    """What training a grid would take with one way to train."""

    name: str
    epochs: int
    trial_hours: tuple[float, ...]
    """One trial, for every K."""
    total_hours: float
    """All trials, as many side by side as fit."""


def speed_grid(measured: Measured, components: Sequence[int]) -> Grid:
    """Return what was measured, for some values of K."""
    several, on_gpu = len(components) > 1, any(speed.models_at_once is not None for speed in measured.speeds)
    packs = any(speed.pack > 1 for speed in measured.speeds)
    rows = []
    for k in components:
        slowest = measured.of(PAPER, k).images_per_second
        rows += [
            (
                speed.name,
                *([str(k)] if several else []),
                *([str(speed.pack)] if packs else []),
                _three_digits(speed.images_per_second),
                f"{speed.images_per_second / slowest:,.1f}",
                _three_digits(speed.flop_per_image / 1e6),
                f"{speed.matrix_share:.0%}",
                _three_digits(speed.posterior_images_per_second),
                f"{speed.peak_bytes / 1e6:,.0f}",
                _three_digits(speed.launches_per_step),
                *([f"{speed.models_at_once}"] if on_gpu else []),
            )
            for speed in measured.speeds
            if speed.n_components == k
        ]
    matrix = ", ".join(f"{gflops:,.0f} GFLOP/s in {name}" for name, gflops in measured.matrix_gflops.items())
    by_name = {speed.name: speed for speed in measured.speeds}
    paper, default = by_name[PAPER], by_name[DEFAULT]
    measures = ("images/s", "x", "MFLOP/image", "of matrix", "posterior/s", "peak MB", "launches" if on_gpu else "ops")
    return Grid(
        f"Training on {measured.device} with {number_of(measured.n_threads, 'thread')}",
        ("", *(["K"] if several else []), *(["models"] if packs else []), *measures, *(["at once"] if on_gpu else [])),
        tuple(rows),
        (
            f"matrix products: {matrix}",
            f"exact (the paper's own), sampled, bayes: the paper's sizes, batch {paper.batch_size}, {paper.precision}",
            f"default: as `gmvae-bench run` trains, two views, batch {default.batch_size}, {default.precision}",
            *(["models: trained side by side; images/s and peak MB are of all of them"] if packs else []),
            "x: images/s over those of exact; of matrix: share of the speed of matrix products",
            "launches: what a step asks the GPU for; at once: models that its memory is predicted to hold side by side"
            if on_gpu
            else "ops: operations of torch in a step",
        ),
    )


def sweep_grid(sweep: Sequence[SweepHours], components: Sequence[int], about: str) -> Grid:
    """Return the estimated hours of a sweep; `components` are in the order of `SweepHours.trial_hours`."""
    return Grid(
        about,
        ("", "epochs", *(f"a model, K = {k}" for k in components), "the sweep"),
        tuple(
            (row.name, f"{row.epochs:,}", *(_duration(hour) for hour in row.trial_hours), _duration(row.total_hours))
            for row in sweep
        ),
    )


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.1f} min" if hours < 1 / 6 else f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
