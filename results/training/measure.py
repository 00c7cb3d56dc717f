"""Accuracy against training time for several ways to train: a row per model seed, moment and number of labels.

    python results/training/measure.py --data emnist-letters --data-dir DIR --ways default,study --model-seeds 0-2 --out FILE.csv

Trains on one thread, one model after the other, and stops each when its epochs or `--minutes` are over. Labels are read only to
score: soft and hard decoding with `--budgets` random labels, averaged over the label draws 0 … 4 that `gmvae-bench run` uses too.
The clock counts training alone, and processor time where there is no accelerator. Rows are appended, and what a file already
holds is not measured again. With `--looks` models are scored after those epochs, and a training that was stopped goes on from the
last of them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from baselines.representation import fit_mixture
from bench.data.dataset import Dataset
from bench.data.reading import Reading
from bench.data.registry import load_dataset
from bench.judge.judging import judge
from bench.judge.methods import METHODS
from bench.judge.representations import View
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import Cell
from bench.plan.models import configure, plain_vae
from bench.plan.settings import make_settings
from bench.plan.values import parse_integers, parse_names
from gmvae.checkpoint import load_state, save_state
from gmvae.decoding import Posterior
from gmvae.posteriors import encode
from gmvae.training import Trainer

_PLAIN = {"variant": "plain"}


def _set(**fields: Any) -> dict[str, Any]:
    return {"set": fields}


# The views that the default compares; where a processor multiplies bfloat16 faster, the wide products are in it.
_VIEWS = _set(augmentation=1, invariance=16, balance=32, contrast=20, precision="auto")
# Settings of `gmvae-bench run`, by name; what is not named is the default.
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "study": {"objective": "exact"},
    "study-sampled": {"objective": "sampled"},
    "study-auto": {"objective": "exact"} | _set(precision="auto"),
    "study-views": {"objective": "exact"} | _VIEWS,
    "study-sampled-auto": {"objective": "sampled"} | _set(precision="auto"),
    "study-sampled-views": {"objective": "sampled"} | _VIEWS,
    "plain": _PLAIN,
    "plain-alike": _PLAIN | _set(start="alike"),
    "plain-no-reseeding": _PLAIN | _set(reseed=False),
    "vae-mixture": {},
    "no-augmentation": _set(augmentation=0),
    "augmentation-only": _set(invariance=0, balance=0, contrast=0),
    "no-invariance": _set(invariance=0),
    "no-balance": _set(balance=0),
    "no-contrast": _set(contrast=0),
    "alike-start": _set(start="alike"),
    "no-reseeding": _set(reseed=False),
    "constant-rate": _set(schedule="constant"),
    "rate-5e-3": {"learning_rate": 5e-3},
    "no-averaging": _set(averaging=0),
    "no-batch-norm": _set(batch_norm=False),
    "convolutional": _set(encoder="conv"),
}
_VAE = "vae-mixture"
_STEPS_OF_SLOW = 48
_COLUMNS = [
    *("way", "model_seed", "epochs", "epoch", "minutes", "live_components", "n_labeled", "soft", "hard", "purity"),
    *("reconstruction", "kl_z", "kl_c", "assignment_entropy"),
]
_LABEL_SEEDS = range(5)


def main() -> None:
    """Measure what is asked and not there yet."""
    asked = _arguments()
    torch.set_num_threads(1)
    dataset = load_dataset(asked.data, asked.data_dir, Reading(max_items=asked.items))
    columns, done = _COLUMNS, set()
    if asked.out.exists():
        earlier = pd.read_csv(asked.out)
        # A file of an earlier version has fewer.
        columns = list(earlier.columns)
        done = set(earlier[["way", "model_seed", "epochs", "epoch"]].itertuples(index=False, name=None))
    with threadpool_limits(1):
        for seed in parse_integers(asked.model_seeds):
            for way in parse_names(asked.ways):
                for rows in _measure(dataset, way, seed, asked, done):
                    frame = pd.DataFrame(rows, columns=_COLUMNS)[columns]
                    frame.to_csv(asked.out, mode="a", header=not asked.out.exists(), index=False, float_format="%.5g")
                    print(frame.to_string(index=False, header=False), flush=True)  # noqa: T201 - a script's progress


def _measure(dataset: Dataset, way: str, seed: int, asked: argparse.Namespace, done: set[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """Train one model and yield its scores each time it is looked at."""
    settings = make_settings(WAYS[way], {"epochs": asked.epochs} if asked.epochs else {})
    model, training = configure(settings, dataset, asked.components)
    if way == _VAE:
        model, training = model.model_copy(update={"n_components": 1}), plain_vae(training)
    looks = parse_integers(asked.looks) if asked.looks else ()
    if (way, seed, training.epochs, training.epochs) in done or (not looks and any((way, seed) == row[:2] for row in done)):
        return
    trainer = Trainer(dataset.pool, model, training, model_seed=seed)
    kept = asked.out.with_name(f"{asked.out.stem}.{way}.{seed}.{training.epochs}.safetensors")
    if looks and kept.exists():
        trainer.restore(load_state(kept, model, training, seed))
    next_look = 0.0
    while trainer.epoch < training.epochs and trainer.seconds < 60 * asked.minutes:
        # An epoch of the paper's objective takes half an hour.
        stats = trainer.run_epoch(_STEPS_OF_SLOW if model.inference == "structured" and not looks else None)
        last = trainer.epoch == training.epochs or trainer.seconds >= 60 * asked.minutes
        if not last and (trainer.epoch not in looks if looks else trainer.seconds < next_look or not asked.every):
            continue
        next_look = trainer.seconds + 60 * asked.every
        posterior = _posterior(trainer, dataset, asked.components, seed)
        about = (way, seed, training.epochs, trainer.epoch, (trainer.cpu_seconds or trainer.seconds) / 60, stats.live_components)
        terms = (stats.reconstruction, stats.kl_z, stats.kl_c, stats.assignment_entropy)
        yield [(*about, *scores, *terms) for scores in _scores(posterior, dataset, parse_names(asked.budgets))]
        if looks:
            written = kept.with_suffix(".part")
            save_state(trainer.state(), written, model, training, seed)
            written.replace(kept)


def _posterior(trainer: Trainer, dataset: Dataset, n_components: int, seed: int) -> Posterior:
    encoded = encode(trainer.snapshot(), dataset.pool)
    if trainer.model.config.n_components > 1:
        return Posterior(encoded.posterior)
    return Posterior(fit_mixture(encoded.latent, n_components, seed)(encoded.latent))


def _scores(posterior: Posterior, dataset: Dataset, budgets: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield, for each budget: labels, soft and hard accuracy (mean over the label draws), purity."""
    counts = np.zeros((posterior.q.shape[1], dataset.n_classes))
    np.add.at(counts, (posterior.assignment, dataset.labels), 1)
    purity = counts.max(axis=1).sum() / len(dataset.labels)
    view = View(posterior, None)
    for budget in resolve_budgets(budgets, len(dataset.labels), dataset.n_classes):
        cells = [Cell(name, budget, "random", seed, None) for name in ("soft", "hard") for seed in _LABEL_SEEDS]
        accuracy = [judge(cell, METHODS[cell.method], view, dataset).accuracy for cell in cells]
        yield budget.n_labeled, *np.mean(np.reshape(accuracy, (2, -1)), axis=1), purity


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="emnist-letters")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--ways", default="default", help=f"some of {','.join(WAYS)}")
    parser.add_argument("--model-seeds", default="0-2")
    parser.add_argument("--budgets", default="73,291")
    parser.add_argument("--epochs", type=int, help="of all ways alike; default: as `gmvae-bench run` chooses")
    parser.add_argument("--minutes", type=float, default=1e9, help="of training, after which a way is stopped")
    parser.add_argument("--every", type=float, default=0, help="minutes between looks; 0: at the end alone")
    parser.add_argument("--looks", help="epochs after which to look, instead: 1-5,10,20")
    parser.add_argument("--items", type=int, help="thin the pool to so many, drawn at random")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("accuracy.csv"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
