"""Images per second of models that train side by side, beside those of one alone, by the size of their networks.

    python results/training/packs.py

Real values in vectors, K = 20, on one thread of a CPU; packs of 1, 4 and 8 take turns. Medians of nine rounds of an epoch.
"""

import statistics

import numpy as np
import torch

from gmvae.config import ModelConfig, TrainingConfig
from gmvae.training import Member, Pack

_SIZES = ((12, (64, 64)), (64, (64,)), (64, (128, 128)), (64, (256, 256)), (784, (128, 128)), (12, (512, 512)))
_PACKS, _ROUNDS, _ITEMS = (1, 4, 8), 9, 4_000


def main() -> None:
    """Print a row of a Markdown table for each size."""
    torch.set_num_threads(1)
    print("| features | layers | alone | packs of 4 | packs of 8 |\n|---:|---|---:|---:|---:|")  # noqa: T201 - a script's output
    for n_features, layers in _SIZES:
        alone, *packed = _rates(n_features, layers)
        ratios = " | ".join(f"{rate / alone:.2f} x" for rate in packed)
        print(f"| {n_features} | {', '.join(map(str, layers))} | {alone:,.0f} | {ratios} |", flush=True)  # noqa: T201


def _rates(n_features: int, layers: tuple[int, ...]) -> list[float]:
    model = ModelConfig(
        n_features=n_features, n_components=20, encoder_layers=layers, decoder_layers=layers, likelihood="gaussian"
    )
    data = np.random.default_rng(0).normal(size=(_ITEMS, n_features)).astype(np.float32)
    # A step costs the same from the first epoch on, so that warm-up and k-means can be left out.
    training = TrainingConfig(start="alike")
    packs = [Pack(data, [Member(model, seed) for seed in range(n)], training, device="cpu") for n in _PACKS]
    rounds = [[pack.run_epoch()[0].images_per_second for pack in packs] for _ in range(_ROUNDS + 1)]
    # The first round fills caches.
    return [statistics.median(rates) for rates in zip(*rounds[1:], strict=True)]


if __name__ == "__main__":
    main()
