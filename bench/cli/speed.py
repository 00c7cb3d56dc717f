"""What `speed` measures, prints and saves."""

import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import typer
from rich.console import Console

from bench.cli.output import print_grid
from bench.cli.state import make_console
from bench.data.dataset import ImageShape
from bench.data.registry import load_dataset, refuse_idle_folder
from bench.engine.speed import DEFAULT, IMAGE, Measured, candidates, measure, sweep_hours
from bench.errors import SettingsError
from bench.plan.defaults import default_epochs
from bench.plan.settings import RunSettings
from bench.show.speed import SweepHours, speed_grid, sweep_grid
from bench.store.atomic import write_json
from gmvae.config import PAPER_EPOCHS

_PAPER_ITEMS, _RANDOM_ITEMS = 145_600, 4_096


def measure_speed(
    settings: RunSettings,
    data: str | None,
    data_dir: Path | None,
    n: int | None,
    epochs: int | None,
    json: Path | None,
    packs: tuple[int, ...],
) -> None:
    """Measure every way to train, print it with the hours of a sweep, and save it if a file is given."""
    items, image_shape = _items(data, data_dir)
    n_items = n or (len(items) if data else _PAPER_ITEMS)
    components = settings.components or ()
    measured = _measure(settings, items, image_shape, make_console(stderr=True), packs)
    sweep, about = _estimate(measured, settings, n_items, epochs)
    print_grid(speed_grid(measured, components))
    typer.echo()
    print_grid(sweep_grid(sweep, components, about))
    if json is not None:
        _save(measured, json)


def _items(data: str | None, data_dir: Path | None) -> tuple[np.ndarray, ImageShape | None]:

    if data is None:
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (_RANDOM_ITEMS, IMAGE[0] * IMAGE[1]), dtype=np.uint8), IMAGE

    refuse_idle_folder(data, data_dir)
    dataset = load_dataset(data, data_dir)
    if dataset.likelihood != "bernoulli":
        raise SettingsError(f"--data {data} holds real values; speed is measured on images: bytes, or values in [0, 1]")
    return dataset.pool, dataset.image_shape


def _measure(
    settings: RunSettings, items: np.ndarray, image_shape: ImageShape | None, progress: Console, packs: tuple[int, ...]
) -> Measured:

    ways = [way for k in settings.components or () for way in candidates(k, items.shape[1], image_shape)]
    n_threads = max(1, int(settings.cpus_per_trial or 1))
    if not progress.is_terminal:
        return measure(ways, items, device=settings.device, n_threads=n_threads, packs=packs)
    with progress.status("starting") as status:
        return measure(ways, items, device=settings.device, n_threads=n_threads, packs=packs, on_progress=status.update)


def _estimate(measured: Measured, settings: RunSettings, n_items: int, epochs: int | None) -> tuple[tuple[SweepHours, ...], str]:

    components, seeds = settings.components or (), len(settings.model_seeds)
    at_once = 1 if measured.device != "cpu" else max(1, (os.cpu_count() or 1) // measured.n_threads)
    rows = []
    for name in dict.fromkeys(speed.name for speed in measured.speeds):
        passes = epochs or (default_epochs(n_items) if name == DEFAULT else PAPER_EPOCHS)
        # Of models side by side, each has its share.
        each = tuple(passes * n_items / measured.of(name, k).images_per_second / 3600 for k in components)
        rows.append(SweepHours(name, passes, each, sweep_hours(each * seeds, at_once)))
    grid = f"K = {', '.join(map(str, components))} x {seeds} model seeds"
    about = f"A sweep over {grid} on {n_items:,} items, {at_once} trainings at a time"
    return tuple(rows), about


def _save(measured: Measured, path: Path) -> None:

    largest = max(speed.n_components for speed in measured.speeds)
    names = dict.fromkeys(speed.name for speed in measured.speeds)
    of_largest = {name: asdict(measured.of(name, largest)) for name in names}
    write_json(
        path,
        {
            "device": measured.device,
            "n_threads": measured.n_threads,
            "matrix_gflops": measured.matrix_gflops["float32"],
            "matrix_gflops_by_precision": measured.matrix_gflops,
            "n_components": largest,
            "default": of_largest.pop(DEFAULT),
            "objectives": of_largest,
            "all": [asdict(speed) for speed in measured.speeds],
        },
    )
