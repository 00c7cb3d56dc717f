"""How well `novelty_p` tells items of classes that the training data do not hold, and whether it means what it says.

    python results/classifier/novelty.py FOLDER [SET ...]

FOLDER holds the sets: EMNIST letters as torchvision has them, nslkdd-raw.csv.gz, fashion.npz, satimage.csv.gz. Some classes are
left out of training altogether; 2,000 items of the others are left out, too, and told from 2,000 of the classes left out. No
label chose anything within a set; the rule itself was chosen by these four, beside the bound, the latent density and distances in
either space alone.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from bench.classifier.make import make_network
from bench.classifier.network import Network
from bench.data.dataset import Dataset
from bench.data.registry import load_dataset
from bench.engine.steps import represent
from bench.judge.methods import METHODS
from bench.plan.cells import ModelKey
from gmvae import GMVAE
from gmvae.posteriors import encode

SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "letters": ("emnist-letters", ()),
    "connections": ("nslkdd-raw.csv.gz", ("probe", "r2l", "u2r")),
    "fashion": ("fashion.npz", ()),
    "satellite": ("satimage.csv.gz", ()),
}
"""Data, and classes left out; empty: the second half of them."""
N_POOL, N_TOLD = 20_000, 2_000


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def network_of(pool: Dataset) -> Network:
    """Train a model on a pool, and return a classifier's network."""
    key = ModelKey(100, 0)
    model = GMVAE(100, random_state=0, device="cpu", image_shape=pool.image_shape).fit(pool.pool).model_.eval()
    encoded = encode(model, pool.pool)
    method = METHODS["soft"]
    view = represent(method, key, pool, None, (encoded, None))
    learner = method.make(pool.n_classes, 1, 0).fit(view.pool, pool.shown(np.arange(200)))
    return make_network(method, learner, view.pool, key, key, {key: (model, encoded)}, pool)


def p_values(network: Network, items: np.ndarray) -> np.ndarray:
    """Return `novelty_p` of items."""
    import torch

    parts = [network.run(torch.from_numpy(np.ascontiguousarray(part)))[2].numpy() for part in np.array_split(items, 8)]
    return np.concatenate(parts)


def tell(about: str, same: np.ndarray, other: np.ndarray) -> None:
    """Print how well they are told apart."""
    auroc = roc_auc_score(np.r_[np.zeros(len(same)), np.ones(len(other))], -np.r_[same, other])
    shares = ", ".join(
        f"p < {level:g}: {100 * (same < level).mean():.1f} % and {100 * (other < level).mean():.1f} %" for level in (0.05, 0.01)
    )
    say(f"{about}: AUROC {auroc:.3f}; {shares}")


def scans() -> np.ndarray:
    """Return scikit-learn's digits as bytes of 28 x 28 pixels."""
    images = [
        Image.fromarray((image * 255 / 16).astype(np.uint8)).resize((20, 20), Image.Resampling.BICUBIC)
        for image in load_digits().images
    ]
    return np.stack([np.pad(np.asarray(image), 4).ravel() for image in images])


def main() -> None:
    """Measure the sets named, or all."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(SETS)
    for name in names:
        source, classes = SETS[name]
        data = load_dataset(source, folder) if source == "emnist-letters" else load_dataset(str(folder / source))
        out = {data.class_names.index(one) for one in classes} or set(range(data.n_classes // 2, data.n_classes))
        rng = np.random.default_rng(0)
        is_out = np.isin(data.labels, list(out))
        inside = rng.permutation(np.flatnonzero(~is_out & data.known))[: N_POOL + N_TOLD]
        novel = rng.permutation(np.flatnonzero(is_out))[:N_TOLD]
        rows = inside[N_TOLD:]
        network = network_of(replace(data, pool=data.pool[rows], labels=data.labels[rows], ids=None, test=None, test_labels=None))
        same = p_values(network, data.pool[inside[:N_TOLD]])
        left = ", ".join(data.class_names[code] for code in sorted(out))
        tell(f"{name}, {len(rows):,} items without {left}", same, p_values(network, data.pool[novel]))
        if name == "letters":
            tell("the same model, digits of another source", same, p_values(network, scans()))
            tell("the same model, noise", same, p_values(network, rng.integers(0, 256, (N_TOLD, 784)).astype(np.uint8)))


if __name__ == "__main__":
    main()
