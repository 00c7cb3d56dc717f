"""What a GPU makes of this project: correctness, speed, the preset's models, the paper's own, two trials on one GPU.

    python results/gpu/measure.py --data-dir DIR --out FILE.json

Five pieces in parts, none of which begins after `--minutes` (8); repeated, the command goes on from there:

a  the loss of every objective on the GPU beside that on the CPU, alone and packed
b  images per second of every objective, 1, 4, 12 and 32 models side by side, and share of the matrix speed
c  the 12 models of the preset `paper` as packs, beside one of them alone; soft decoding with 291 labels of both
d  the paper's exact model, 450 epochs: as many seeds side by side as `--paper-seeds` says, in as many calls as it takes
e  two trainings at once on half a GPU each, with Ray

The file holds what each part found, which is not measured again, and is printed at the end. `--device cpu --small` goes through
all of it in two minutes, on digits and with small networks, to see that it works.
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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.data.dataset import Dataset
from bench.data.registry import load_dataset
from bench.engine.packing import models_at_once
from bench.engine.speed import Candidate, candidates, measure
from bench.judge.judging import judge
from bench.judge.methods import METHODS
from bench.judge.representations import View
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import Cell
from bench.plan.models import configure
from bench.plan.presets import read_preset
from bench.plan.settings import make_settings
from bench.store.atomic import write_json
from gmvae.checkpoint import load_state, save_state
from gmvae.config import ModelConfig, TrainingConfig, paper_configs
from gmvae.decoding import Posterior
from gmvae.errors import CheckpointError
from gmvae.model import GaussianMixtureVAE
from gmvae.objectives import OBJECTIVES
from gmvae.posteriors import encode
from gmvae.training import Member, Pack

_LABELS = "291"
_KEEP_SECONDS = 60.0


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


Units = dict[str, Callable[[], dict[str, Any]]]
"""Parts of a piece, each of which is done in one go."""


def correctness(of: Campaign) -> Units:
    """Compare the loss of a third epoch on both devices, whose random numbers differ: they agree but for noise."""
    return {name: partial(_losses, of, name) for name in OBJECTIVES}


def _losses(of: Campaign, name: str) -> dict[str, Any]:
    items = of.dataset.pool[:4_096]
    model = ModelConfig(
        n_features=items.shape[1], n_components=20, image_shape=of.dataset.image_shape, inference=OBJECTIVES[name].inference,
        encoder_layers=(256,), decoder_layers=(256,),
    )  # fmt: skip
    training = TrainingConfig.model_validate({"objective": name, "epochs": 3})
    found: dict[str, Any] = {}
    for device in dict.fromkeys(("cpu", of.device)):
        for n_models in (1, 3):
            pack = Pack(items, [Member(model, seed) for seed in range(n_models)], training, device=device)
            epochs = [pack.run_epoch() for _ in range(training.epochs)][-1]
            # The same model both times: alone, and beside two others.
            found[f"{device}, {n_models}"] = epochs[0].loss
            found[f"recorded on {device}, {n_models}"] = _recorded(pack)
    return found


def speed(of: Campaign) -> Units:
    """Measure images per second, share of the matrix speed and launches per step, by models side by side."""
    ways = candidates(10 if of.small else 100, of.dataset.pool.shape[1], of.dataset.image_shape)
    packs = (1, 2) if of.small else (1, 4, 12, 32)
    return {f"{way.name}, {pack}": partial(_speed, of, way, pack) for way in ways for pack in packs}


def _speed(of: Campaign, way: Candidate, pack: int) -> dict[str, Any]:
    if of.device != "cpu":
        memory = torch.cuda.get_device_properties(of.device).total_memory
        if pack > (models_at_once(way.model, way.training, memory, 0) or pack):
            return {"left out": "more than memory is predicted to hold"}
    measured = measure([way], of.dataset.pool[:20_000], device=of.device, n_threads=1, packs=(pack,))
    return {"matrix_gflops": measured.matrix_gflops} | asdict(measured.speeds[0])


def preset(of: Campaign) -> Units:
    """Train all models of the preset side by side, and one of each K alone; decode them with 291 labels."""
    settings = make_settings(read_preset("paper"))
    pairs = [of.smaller(*configure(settings, of.dataset, k), 3) for k in settings.components or ()]
    every = [Member(model, seed) for model, _ in pairs for seed in settings.model_seeds]
    units: Units = {"packed": partial(_trained, of, every, pairs[0][1])}
    for model, training in pairs:
        units[f"k{model.n_components} alone"] = partial(_trained, of, [Member(model, settings.model_seeds[0])], training)
    return units


def _trained(of: Campaign, members: Sequence[Member], training: TrainingConfig) -> dict[str, Any]:
    begun = time.monotonic()
    pack = Pack(of.dataset.pool, members, training, device=of.device)
    while pack.epoch < training.epochs:
        pack.run_epoch()
    seconds = time.monotonic() - begun
    soft = {
        f"k{member.config.n_components}-s{member.model_seed}": _soft(pack.snapshot(number), of.dataset)
        for number, member in enumerate(members)
        if number not in pack.errors
    }
    return {"models": len(members), "seconds": seconds, "soft": soft, "recorded": _recorded(pack)}


def paper(of: Campaign) -> Units:
    """Train the paper's exact model for 450 epochs, in as many calls as it takes, and decode it."""
    model, training = paper_configs(of.dataset.pool.shape[1])
    # Wide products in bfloat16, sums and losses in float32; the paper does not say what it used.
    model, training = of.smaller(model, training.model_copy(update={"precision": "auto"}), 4)
    return {"models": partial(_paper, of, [Member(model, seed) for seed in range(of.paper_seeds)], training)}


def _paper(of: Campaign, members: Sequence[Member], training: TrainingConfig) -> dict[str, Any]:
    pack = Pack(of.dataset.pool, members, training, device=of.device)
    kept = [of.folder / f"paper-{member.model_seed}.safetensors" for member in members]
    if all(path.exists() for path in kept):
        pairs = zip(kept, members, strict=True)
        try:
            pack.restore([load_state(path, member.config, training, member.model_seed) for path, member in pairs])
        except CheckpointError as error:
            print(f"d begins anew: {error}", file=sys.stderr)  # noqa: T201 - progress
            pack = Pack(of.dataset.pool, members, training, device=of.device)
    last_kept, begun_at = time.monotonic(), pack.epoch
    # An epoch at least, so that every call brings it nearer to its end.
    while pack.epoch < training.epochs and not pack.errors and (of.on_time or pack.epoch == begun_at):
        pack.run_epoch()
        if not of.on_time or time.monotonic() - last_kept > _KEEP_SECONDS:
            _keep(pack, members, training, kept)
            last_kept = time.monotonic()
    found: dict[str, Any] = {
        "epoch": pack.epoch,
        "epochs": training.epochs,
        "seconds": sum(pack.seconds(number) for number in range(len(pack))),
        "diverged": {str(number): str(error) for number, error in pack.errors.items()},
        "recorded": _recorded(pack),
    }
    if pack.epoch < training.epochs and not pack.errors:
        return found | {"unfinished": True}
    finished = [number for number in range(len(pack)) if number not in pack.errors]
    last = [pack.history(number)[-1] for number in finished]
    found["images_per_second"] = [stats.images_per_second for stats in last]
    found["live_components"] = [stats.live_components for stats in last]
    found["soft"] = [_soft(pack.snapshot(number), of.dataset) for number in finished]
    return found


def _keep(pack: Pack, members: Sequence[Member], training: TrainingConfig, kept: Sequence[Path]) -> None:
    """Keep all models, each whole; after an interrupt in between they are not equally far, and the piece begins anew."""
    if pack.errors:
        return
    for number, (path, member) in enumerate(zip(kept, members, strict=True)):
        written = path.with_suffix(".part")
        save_state(pack.state(number), written, member.config, training, member.model_seed)
        written.replace(path)


def two_trials(of: Campaign) -> Units:
    """Train two models at once on half a GPU each: together they take little longer than either."""
    return {"both": partial(_two_trials, of)}


def _two_trials(of: Campaign) -> dict[str, Any]:
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


PIECES: dict[str, Callable[[Campaign], Units]] = {
    "a": correctness,
    "b": speed,
    "c": preset,
    "d": paper,
    "e": two_trials,
}


def _recorded(pack: Pack) -> str:
    """Say whether steps were recorded, or why not."""
    return pack.why_not_recorded or ("yes" if pack.items.device.type == "cuda" else "no GPU")


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
    """Measure what is asked and not there yet, and print all that is."""
    asked = _arguments()
    unknown = set(asked.pieces.split(",")) - PIECES.keys()
    if unknown:
        sys.exit(f"--pieces got {', '.join(sorted(unknown))}; expected some of {','.join(PIECES)}")
    if asked.device != "cpu" and not torch.cuda.is_available():
        sys.exit(f"there is no device {asked.device} here; --device cpu --small rehearses the campaign")
    out = asked.out or Path(__file__).with_name("rehearsal.json" if asked.small else "measured.json")
    about = _about(asked.device) | {"small": asked.small}
    found: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {"about": about}
    if found["about"] != about:
        sys.exit(f"{out} was measured elsewhere ({found['about']}); give another --out")
    dataset = load_dataset("digits") if asked.small else load_dataset("emnist-letters", asked.data_dir)
    for name in asked.pieces.split(","):
        deadline = time.monotonic() + 60 * asked.minutes
        campaign = Campaign(dataset, asked.device, asked.small, deadline, asked.paper_seeds, out.parent)
        piece, units = found.setdefault(name, {}), PIECES[name](campaign)
        for unit, do in units.items():
            if unit in piece and not piece[unit].get("unfinished"):
                continue
            if not campaign.on_time and unit != next(iter(units)):
                break
            print(f"{name}: {unit}", file=sys.stderr, flush=True)  # noqa: T201 - progress
            begun = time.monotonic()
            earlier = piece.get(unit, {}).get("wall_seconds", 0.0)
            piece[unit] = do()
            piece[unit]["wall_seconds"] = earlier + time.monotonic() - begun
            write_json(out, found)
    print(json.dumps(found))  # noqa: T201 - the result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="letters, as for `gmvae-bench run`")
    parser.add_argument("--pieces", default="a,b,c,d,e")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which a piece stops")
    parser.add_argument("--paper-seeds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="digits and small networks: a test of this script")
    parser.add_argument("--out", type=Path, help="JSON (default: measured.json beside this script, or rehearsal.json)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
