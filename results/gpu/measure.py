"""What a GPU makes of this project: correctness, speed, the preset's models, the paper's own, two trials on one GPU.

    python results/gpu/measure.py --data-dir DIR --out FILE.json

Five pieces, each of which stops within `--minutes` (8) and goes on from there when the command is repeated:

a  the loss of every objective on the GPU beside that on the CPU, alone and packed
b  images per second of every objective, 1, 4, 12 and 32 models side by side, and share of the matrix speed
c  the 12 models of the preset `paper` as packs, beside one of them alone; soft decoding with 291 labels of both
d  the paper's exact model, 450 epochs: as many seeds side by side as `--paper-seeds` says, in as many calls as it takes
e  two trainings at once on half a GPU each, with Ray

The file holds what each piece found; a piece that is there is not measured again. It is printed at the end.
`--device cpu --small` goes through all of it in a minute, on digits and with small networks, to see that it works.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.data.dataset import Dataset
from bench.data.registry import load_dataset
from bench.engine.packing import models_at_once
from bench.engine.speed import candidates, measure
from bench.judge.judging import judge
from bench.judge.methods import METHODS
from bench.judge.representations import View
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import Cell
from bench.plan.models import configure
from bench.plan.presets import read_preset
from bench.plan.settings import make_settings
from gmvae.checkpoint import load_state, save_state
from gmvae.config import ModelConfig, TrainingConfig, paper_configs
from gmvae.decoding import Posterior
from gmvae.model import GaussianMixtureVAE
from gmvae.objectives import OBJECTIVES
from gmvae.posteriors import encode
from gmvae.training import Member, Pack

_LABELS = "291"


@dataclass(frozen=True)
class Campaign:
    """What all pieces need."""

    dataset: Dataset
    device: str
    small: bool
    deadline: float
    paper_seeds: int
    folder: Path
    """Where unfinished trainings are kept."""

    @property
    def on_time(self) -> bool:
        """Whether the piece may begin something more."""
        return time.monotonic() < self.deadline

    def smaller(self, model: ModelConfig, training: TrainingConfig, epochs: int) -> tuple[ModelConfig, TrainingConfig]:
        """Return settings that a CPU is through with in seconds, if those are asked for."""
        if not self.small:
            return model, training
        sizes = {"encoder_layers": (16,), "decoder_layers": (16,), "latent_dim": 4, "n_components": model.n_components // 5}
        return model.model_copy(update=sizes), training.model_copy(update={"epochs": epochs})


def correctness(of: Campaign) -> dict[str, Any]:
    """Compare the loss of a third epoch on both devices, whose random numbers differ: they agree but for noise."""
    found = {}
    items = of.dataset.pool[:4_096]
    for name, objective in OBJECTIVES.items():
        model = ModelConfig(
            n_features=items.shape[1], n_components=20, image_shape=of.dataset.image_shape, inference=objective.inference,
            encoder_layers=(256,), decoder_layers=(256,),
        )  # fmt: skip
        training = TrainingConfig.model_validate({"objective": name, "epochs": 3})
        losses: dict[str, Any] = {}
        for device in ("cpu", of.device):
            for n_models in (1, 3):
                pack = Pack(items, [Member(model, seed) for seed in range(n_models)], training, device=device)
                epochs = [pack.run_epoch() for _ in range(training.epochs)][-1]
                losses[f"{device}, {n_models}"] = float(np.mean([stats.loss for stats in epochs.values()]))
                if device != "cpu":
                    losses[f"recorded, {n_models}"] = pack.why_not_recorded or "yes"
        found[name] = losses
    return found


def speed(of: Campaign) -> dict[str, Any]:
    """Measure images per second, share of the matrix speed and launches per step, by models side by side."""
    found: dict[str, Any] = {}
    k = 10 if of.small else 100
    for pack in (1, 2) if of.small else (1, 4, 12, 32):
        ways = candidates(k, of.dataset.pool.shape[1], of.dataset.image_shape)
        fitting = [way for way in ways if of.small or _fits(way.model, way.training, of.device, pack)]
        measured = measure(fitting, of.dataset.pool[:20_000], device=of.device, n_threads=1, packs=(pack,))
        found[str(pack)] = {"matrix_gflops": measured.matrix_gflops, "ways": [asdict(one) for one in measured.speeds]}
    return found


def preset(of: Campaign) -> dict[str, Any]:
    """Train all models of the preset side by side, and one of each K alone; decode them with 291 labels."""
    settings = make_settings(read_preset("paper"))
    pairs = [configure(settings, of.dataset, k) for k in settings.components or ()]
    pairs = [of.smaller(model, training, 3) for model, training in pairs]
    models, training = [model for model, _ in pairs], pairs[0][1]
    members = [Member(model, seed) for model in models for seed in settings.model_seeds]
    begun = time.monotonic()
    pack = _trained(of, members, training)
    packed_seconds = time.monotonic() - begun
    accuracies = [_soft(pack.snapshot(number), of.dataset) for number in range(len(pack))]
    begun = time.monotonic()
    alone = [_trained(of, [Member(model, settings.model_seeds[0])], training) for model in models if of.on_time]
    alone_seconds = (time.monotonic() - begun) / len(alone) * len(members) if alone else None
    return {
        "models": len(members),
        "packed_seconds": packed_seconds,
        "alone_seconds": alone_seconds,
        "alone_measured": len(alone),
        "soft": {f"k{one.config.n_components}-s{one.model_seed}": value for one, value in zip(members, accuracies, strict=True)},
        "soft_alone": [_soft(one.snapshot(), of.dataset) for one in alone],
        "why_not_recorded": pack.why_not_recorded,
    }


def paper(of: Campaign) -> dict[str, Any]:
    """Train the paper's exact model for 450 epochs, or as far as time allows, and decode it."""
    model, training = paper_configs(of.dataset.pool.shape[1])
    # Wide products in bfloat16, sums and losses in float32; the paper does not say what it used.
    model, training = of.smaller(model, training.model_copy(update={"precision": "auto"}), 4)
    members = [Member(model, seed) for seed in range(of.paper_seeds)]
    pack = Pack(of.dataset.pool, members, training, device=of.device)
    kept = [of.folder / f"paper-{member.model_seed}.safetensors" for member in members]
    if all(path.exists() for path in kept):
        pairs = zip(kept, members, strict=True)
        pack.restore([load_state(path, model, training, member.model_seed) for path, member in pairs])
    # An epoch at least, so that every call brings it nearer to its end.
    while pack.epoch < training.epochs and (of.on_time or not pack.history()):
        pack.run_epoch()
    for number, (path, member) in enumerate(zip(kept, members, strict=True)):
        save_state(pack.state(number), path, model, training, member.model_seed)
    rate = pack.history()[-1].images_per_second
    found: dict[str, Any] = {"epoch": pack.epoch, "epochs": training.epochs, "images_per_second": rate}
    found["seconds_of_all"] = sum(pack.seconds(number) for number in range(len(pack)))
    found["live_components"] = [pack.history(number)[-1].live_components for number in range(len(pack))]
    found["soft"] = [_soft(pack.snapshot(number), of.dataset) for number in range(len(pack))]
    found["unfinished"] = pack.epoch < training.epochs
    return found


def two_trials(of: Campaign) -> dict[str, Any]:
    """Train two models at once on half a GPU each: together they take little longer than either."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "run")
        command = [sys.executable, "-m", "bench.cli.main", "run", "--data", "digits", "--methods", "soft", "--budgets", "100"]
        command += ["--model-seeds", "0,1", "--label-seeds", "1", "--epochs", "40", "--pack", "1", "--out", str(out)]
        halves = [] if of.device == "cpu" else ["--gpus-per-trial", "0.5", "--cpus-per-trial", "1"]
        begun = time.monotonic()
        done = subprocess.run([*command, *halves], capture_output=True, text=True, check=False)  # noqa: S603 - our own
        seconds = time.monotonic() - begun
        spent = [float(pd.read_csv(path)["seconds"].iloc[-1]) for path in sorted(out.glob("models/*/history.csv"))]
    return {"code": done.returncode, "seconds": seconds, "training_seconds": spent, "said": done.stderr[-500:]}


PIECES: dict[str, Callable[[Campaign], dict[str, Any]]] = {
    "a": correctness,
    "b": speed,
    "c": preset,
    "d": paper,
    "e": two_trials,
}


def _fits(model: ModelConfig, training: TrainingConfig, device: str, n_models: int) -> bool:
    memory = torch.cuda.get_device_properties(device).total_memory if device != "cpu" else None
    return n_models <= (models_at_once(model, training, memory, 0) or n_models)


def _trained(of: Campaign, members: Sequence[Member], training: TrainingConfig) -> Pack:
    pack = Pack(of.dataset.pool, members, training, device=of.device)
    while pack.epoch < training.epochs:
        pack.run_epoch()
    return pack


def _soft(model: GaussianMixtureVAE, dataset: Dataset) -> float:
    """Accuracy of soft decoding with 291 random labels, the mean over five draws."""
    view = View(Posterior(encode(model, dataset.pool).posterior), None)
    (budget,) = resolve_budgets((_LABELS,), len(dataset.labels), dataset.n_classes)
    cells = [Cell("soft", budget, "random", seed, None) for seed in range(5)]
    return float(np.mean([judge(cell, METHODS["soft"], view, dataset).accuracy or 0.0 for cell in cells]))


def _about(device: str) -> dict[str, Any]:
    about: dict[str, Any] = {"torch": torch.__version__, "python": platform.python_version(), "device": device}
    if device != "cpu":
        card = torch.cuda.get_device_properties(device)
        about |= {"card": card.name, "memory": card.total_memory, "cuda": torch.version.cuda}
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        about["driver"] = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    return about


def main() -> None:
    """Measure the pieces that are asked for and not there yet, and print all that is."""
    asked = _arguments()
    found: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    found["about"] = _about(asked.device)
    dataset = load_dataset("digits") if asked.small else load_dataset("emnist-letters", asked.data_dir)
    for name in asked.pieces.split(","):
        if name in found and not found[name].get("unfinished"):
            continue
        deadline = time.monotonic() + 60 * asked.minutes
        campaign = Campaign(dataset, asked.device, asked.small, deadline, asked.paper_seeds, asked.out.parent)
        print(f"{name}: {(PIECES[name].__doc__ or '').splitlines()[0]}", file=sys.stderr, flush=True)  # noqa: T201 - progress
        begun = time.monotonic()
        found[name] = PIECES[name](campaign)
        found[name]["wall_seconds"] = found.get(name, {}).get("wall_seconds", 0.0) + time.monotonic() - begun
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))  # noqa: T201 - the result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="letters, as for `gmvae-bench run`")
    parser.add_argument("--pieces", default="a,b,c,d,e")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which a piece stops")
    parser.add_argument("--paper-seeds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="digits and small networks: a test of this script")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("measured.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
