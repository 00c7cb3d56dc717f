"""`gmvae-bench speed`: how fast this machine trains, and what a sweep would take."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options
from bench.cli.state import make_console
from bench.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from bench.engine.speed import Measured
    from bench.plan.settings import RunSettings
    from bench.show.speed import SweepHours

_STUDY_ITEMS, _STUDY_COMPONENTS = 145_600, "100"
_RANDOM_ITEMS = 4_096


SpeedData = Annotated[str | None, typer.Option(help="Train on this data. (default: random 28 x 28 images)", show_default=False)]
SweepEpochs = Annotated[
    int | None, typer.Option(help="Epochs of the sweep. (default: as run would; the study's 450)", show_default=False, min=1)
]
SweepItems = Annotated[
    int | None, typer.Option(help="Items of the sweep. (default: those of --data, or 145,600)", show_default=False, min=1)
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Save what was measured to this file.", dir_okay=False, show_default=False)
]


def speed(
    data: SpeedData = None,
    data_dir: options.DataDir = None,
    components: options.Components = None,
    model_seeds: options.ModelSeeds = None,
    epochs: SweepEpochs = None,
    n: SweepItems = None,
    cpus_per_trial: options.CpusPerTrial = None,
    device: options.Device = None,
    json_: JsonFile = None,
) -> None:
    """Measure training: images per second of every objective, share of the machine's arithmetic, memory, hours of a sweep.

    Takes about two minutes at K = 100 on one core.
    """
    from bench.plan.settings import make_settings

    given = {"components": components, "model_seeds": model_seeds, "cpus_per_trial": cpus_per_trial, "device": device}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = make_settings({"components": _STUDY_COMPONENTS}, chosen)
    if json_ is not None and not json_.absolute().parent.is_dir():
        raise SettingsError(f"--json {json_}: there is no folder {json_.absolute().parent}; create it, or give another file")
    items, image_shape = _items(data, data_dir)
    n_items = n or (len(items) if data else _STUDY_ITEMS)
    console, progress = make_console(), make_console(stderr=True)
    measured = _measure(settings, items, image_shape, progress)
    sweep, about = _estimate(measured, settings, n_items, epochs)
    from bench.show.speed import speed_tables

    console.print(speed_tables(measured, sweep, settings.components or (), about))
    if json_ is not None:
        _save(measured, json_)


def _items(data: str | None, data_dir: Path | None) -> "tuple[np.ndarray, tuple[int, int] | None]":
    import numpy as np

    from bench.engine.speed import IMAGE

    if data is None:
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (_RANDOM_ITEMS, IMAGE[0] * IMAGE[1]), dtype=np.uint8), IMAGE
    from bench.data.registry import load_dataset

    dataset = load_dataset(data, data_dir)
    if dataset.likelihood != "bernoulli":
        raise SettingsError(f"--data {data} holds real values; speed is measured on images: bytes, or values in [0, 1]")
    return dataset.pool, dataset.image_shape


def _measure(
    settings: "RunSettings", items: "np.ndarray", image_shape: tuple[int, int] | None, progress: "Console"
) -> "Measured":
    from bench.engine.speed import candidates, measure

    ways = [way for k in settings.components or () for way in candidates(k, items.shape[1], image_shape)]
    n_threads = max(1, int(settings.cpus_per_trial or 1))
    if not progress.is_terminal:
        return measure(ways, items, device=settings.device, n_threads=n_threads)
    with progress.status("starting") as status:
        return measure(ways, items, device=settings.device, n_threads=n_threads, on_progress=status.update)


def _estimate(
    measured: "Measured", settings: "RunSettings", n_items: int, epochs: int | None
) -> "tuple[tuple[SweepHours, ...], str]":
    from bench.engine.speed import DEFAULT, sweep_hours
    from bench.plan.defaults import default_epochs
    from bench.show.speed import SweepHours
    from gmvae.config import STUDY_EPOCHS

    components, seeds = settings.components or (), len(settings.model_seeds)
    at_once = 1 if measured.device != "cpu" else max(1, (os.cpu_count() or 1) // measured.n_threads)
    rows = []
    for name in dict.fromkeys(speed.name for speed in measured.speeds):
        passes = epochs or (default_epochs(n_items) if name == DEFAULT else STUDY_EPOCHS)
        each = tuple(passes * n_items / measured.of(name, k).images_per_second / 3600 for k in components)
        rows.append(SweepHours(name, passes, each, sweep_hours(each * seeds, at_once)))
    grid = f"K = {', '.join(map(str, components))} x {seeds} model seeds"
    about = f"A sweep over {grid} on {n_items:,} items, {at_once} at a time"
    return tuple(rows), about


def _save(measured: "Measured", path: Path) -> None:
    from bench.engine.speed import DEFAULT
    from bench.store.atomic import write_json

    largest = max(speed.n_components for speed in measured.speeds)
    of_largest = {speed.name: asdict(speed) for speed in measured.speeds if speed.n_components == largest}
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
