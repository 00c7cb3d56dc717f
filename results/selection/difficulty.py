"""How hard are the letters that a sampler asks for? `python results/selection/difficulty.py RUN DATA_DIR`, with a run's models.

Prints, for models of K = 100, the accuracy of soft decoding with 728 random labels on all letters, on those that `cluster` asks
for, in its order, and on the rest once 7 % are shown.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.data.registry import load_dataset
from bench.plan.samplers import labeled_items
from bench.store.models import load_encoded
from bench.store.presence import trained_models
from gmvae.decoding import Posterior, SoftDecoder

PARTS = (0, 100, 728, 2_912, 7_387)


def main(run: Path, data_dir: Path) -> None:
    """Print a line per model."""
    data = load_dataset("emnist-letters", data_dir)
    drawn = labeled_items(data.labels, data.sha256, "random", 0, 728)
    y = np.full(len(data.labels), -1)
    y[drawn] = data.labels[drawn]
    for key in (key for key in trained_models(run) if key.n_components == 100):
        encoded, _ = load_encoded(run, key)
        view = Posterior(encoded.posterior)
        right = SoftDecoder(data.n_classes).fit(view, y).predict(view) == data.labels
        asked = labeled_items(data.labels, data.sha256, "cluster", 0, PARTS[-1], encoded)
        parts = [f"{a:,}-{b:,}: {right[asked[a:b]].mean():.3f}" for a, b in pairwise(PARTS)]
        rest = np.delete(right, asked).mean()
        sys.stdout.write(f"{key.id}  all: {right.mean():.3f}  asked {'  '.join(parts)}  rest: {rest:.3f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
