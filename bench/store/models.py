"""Trained models of a run with what they make of the data: `models/<id>/`, whole or absent.

A training publishes its model in the run's storage, which every node sees; the process that owns the run folder collects it.
"""

import tempfile
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from bench.errors import StoreError
from bench.plan.cells import ModelKey
from bench.store.presence import ENCODED, FILES, model_folder
from bench.store.storage import Storage
from gmvae import checkpoint
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.posteriors import Encoded
from gmvae.training import TrainedModel, TrainingState

STATE = "training.safetensors"
Pair = tuple[Encoded, Encoded | None]


def publish_model(storage: Storage, key: ModelKey, trained: TrainedModel, encoded: Pair) -> None:
    """Put weights, settings, history, posteriors and latent means where the run's owner finds them.

    Raises
    ------
    StoreError
        If the storage, or this node's temporary folder, cannot be written to.
    """
    pool, test = encoded
    arrays = {"posterior": pool.posterior, "latent": pool.latent}
    if test is not None:
        arrays |= {"test_posterior": test.posterior, "test_latent": test.latent}
    with tempfile.TemporaryDirectory(prefix="gmvae-bench-") as scratch:
        checkpoint.write_files(trained, Path(scratch))
        save_file(arrays, Path(scratch, ENCODED))
        for name in FILES:
            with Path(scratch, name).open("rb") as file:
                storage.write(f"{key.id}/{name}", file)


def is_published(storage: Storage, key: ModelKey) -> bool:
    """Whether a whole model lies in the storage: what tells so is written last."""
    return storage.has(f"{key.id}/{ENCODED}")


def collect_model(storage: Storage, folder: Path, key: ModelKey) -> bool:
    """Take a published model into the run folder, and drop what its training left; return whether there was one.

    Raises
    ------
    StoreError
        If the storage cannot be read or the run folder cannot be written to.
    """
    if not is_published(storage, key):
        return False
    model_dir = model_folder(folder, key)
    try:
        with checkpoint.new_folder(model_dir) as staging:
            if not all(storage.read(f"{key.id}/{name}", staging / name) for name in FILES):
                return False
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot write {model_dir}: {error.strerror or error}; free space or give another --out") from error
    # The model is safe: leftovers that cannot be cleared do no harm.
    with suppress(StoreError):
        storage.clear(key.id)
    return True


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
            f"{path} is missing or broken ({error}); the run's command with --retry-failed trains it again"
        ) from error


def keep_state(storage: Storage, key: ModelKey, state: TrainingState, model: ModelConfig, training: TrainingConfig) -> None:
    """Save an unfinished training where any node can resume it."""
    with tempfile.TemporaryDirectory(prefix="gmvae-bench-") as scratch:
        path = Path(scratch, STATE)
        checkpoint.save_state(state, path, model, training, key.model_seed)
        with path.open("rb") as file:
            storage.write(f"{key.id}/{STATE}", file)


def kept_state(storage: Storage, key: ModelKey, model: ModelConfig, training: TrainingConfig) -> TrainingState | None:
    """Return the state that an earlier attempt at a training left, if any.

    Raises
    ------
    CheckpointError
        If what it left is broken or belongs to other settings.
    """
    with tempfile.TemporaryDirectory(prefix="gmvae-bench-") as scratch:
        path = Path(scratch, STATE)
        return checkpoint.load_state(path, model, training, key.model_seed) if storage.read(f"{key.id}/{STATE}", path) else None
