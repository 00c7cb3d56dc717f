"""Trained models of a run with what they make of the data: `models/<id>/`, whole or absent."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bench.errors import StoreError
from bench.plan.cells import ModelKey
from gmvae import checkpoint
from gmvae.posteriors import Encoded
from gmvae.training import TrainedModel

MODELS, ENCODED = "models", "posterior.safetensors"
Pair = tuple[Encoded, Encoded | None]


def model_folder(folder: Path, key: ModelKey) -> Path:
    """Return where a model of a run lives."""
    return folder / MODELS / key.id


def is_trained(folder: Path, key: ModelKey) -> bool:
    """Whether the model is there; it appears whole or not at all."""
    return (model_folder(folder, key) / ENCODED).is_file()


def save_model(folder: Path, key: ModelKey, trained: TrainedModel, encoded: Pair) -> None:
    """Write weights, settings, history, posteriors and latent means, and then give the folder its name."""
    place = model_folder(folder, key)
    pool, test = encoded
    arrays = {"posterior": pool.posterior, "latent": pool.latent}
    if test is not None:
        arrays |= {"test_posterior": test.posterior, "test_latent": test.latent}
    try:
        with checkpoint.new_folder(place) as staging:
            checkpoint.write_files(trained, staging)
            save_file(arrays, staging / ENCODED)
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror or error}; free space or give another --out") from error


def load_encoded(folder: Path, key: ModelKey) -> Pair:
    """Read the posteriors and latent means of a model.

    Raises
    ------
    StoreError
        If they are missing or broken.
    """
    path = model_folder(folder, key) / ENCODED
    try:
        arrays = load_file(path)
        test = Encoded(arrays["test_posterior"], arrays["test_latent"]) if "test_posterior" in arrays else None
        return Encoded(arrays["posterior"], arrays["latent"]), test
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise StoreError(
            f"{path} is missing or broken ({error}); delete {path.parent} and repeat the command to train it again"
        ) from error
