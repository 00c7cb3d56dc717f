"""`gmvae-bench speed`: how fast this machine trains, and what a sweep would take."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.settings import present
from bench.cli.state import LOADING, stage
from bench.errors import SettingsError
from bench.plan.settings import make_settings
from bench.plan.values import parse_integers

_PAPER_COMPONENTS = "100"

SpeedData = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE|FOLDER", help="Train on this data. (default: random 28 x 28 images)", show_default=False),
]
SweepEpochs = Annotated[
    int | None, typer.Option(help="Epochs of the sweep. (default: as run would; the paper's 450)", show_default=False, min=1)
]
SweepItems = Annotated[
    int | None, typer.Option(help="Items of the sweep. (default: those of --data, or 145,600)", show_default=False, min=1)
]
SpeedPack = Annotated[
    str, typer.Option(metavar="N,…", help="Models that train side by side: 1,4 compares. (default: 1)", show_default=False)
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
    pack: SpeedPack = "1",
    cpus_per_trial: options.CpusPerTrial = None,
    device: options.Device = None,
    json_: JsonFile = None,
) -> None:
    """Measure training: images per second of every objective, share of the machine's arithmetic, memory, hours of a sweep.

    Takes about two minutes at K = 100 on one core.
    """
    chosen = present(components=components, model_seeds=model_seeds, cpus_per_trial=cpus_per_trial, device=device)
    settings = make_settings({"components": _PAPER_COMPONENTS}, chosen)
    packs = _packs(pack)
    if json_ is not None and not json_.absolute().parent.is_dir():
        raise SettingsError(f"--json {json_}: there is no folder {json_.absolute().parent}; create it, or give another file")
    with stage(LOADING):
        from bench.cli.speed import measure_speed

    measure_speed(settings, data, data_dir, n, epochs, json_, packs)


def _packs(text: str) -> tuple[int, ...]:
    try:
        packs: tuple[int, ...] = parse_integers(text)
    except ValueError:
        packs = ()
    if min(packs, default=0) < 1:
        raise SettingsError(f"--pack got {text!r}; expected numbers of models from 1, such as 1,4")
    return packs
