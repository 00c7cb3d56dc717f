"""Points of two numbers: accuracy of a small estimator on the three blobs of scikit-learn's `check_classifiers_train`.

    python results/training/blobs.py

One row per way to compute: number of threads, and type of the input. All labels are shown after a training without any.
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle

from gmvae import GMVAE, ClusterLabelClassifier


def main() -> None:
    """Print the lowest and the median accuracy of each way to compute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=200)
    asked = parser.parse_args()
    print("| threads | input | lowest | median | below 0.90 |\n|---:|---|---:|---:|---:|")  # noqa: T201
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for dtype in ("float32", "float64"):
            scores = np.array([_accuracy(dtype, seed, asked.epochs) for seed in range(asked.seeds)])
            row = f"| {threads} | {dtype} | {scores.min():.3f} | {np.median(scores):.3f} | {(scores < 0.9).sum()} |"
            print(row, flush=True)  # noqa: T201


def _accuracy(dtype: str, seed: int, epochs: int) -> float:
    points, classes = make_blobs(n_samples=300, random_state=0)
    points, classes = shuffle(points.astype(dtype), classes, random_state=7)
    x = StandardScaler().fit_transform(points)
    model = GMVAE(8, latent_dim=2, encoder_layers=(16,), decoder_layers=(16,), epochs=epochs, device="cpu", random_state=seed)
    return float(ClusterLabelClassifier(model).fit(x, classes).score(x, classes))


if __name__ == "__main__":
    main()
