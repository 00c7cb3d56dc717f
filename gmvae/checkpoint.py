"""Atomic save and load of models, trained and half trained: safetensors, JSON and CSV, never pickle."""

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from gmvae.config import ModelConfig, TrainingConfig
from gmvae.devices import resolve_device
from gmvae.disk import HISTORY, SETTINGS, WEIGHTS, sync_folder, sync_tree
from gmvae.errors import CheckpointError, first_line
from gmvae.model import GaussianMixtureVAE
from gmvae.training import EpochStats, TrainedModel, TrainingState

FORMAT = 1


def save(trained: TrainedModel, folder: Path) -> None:
    """Write a model into `folder`, which appears whole or not at all; a model that is there already is replaced.

    Raises
    ------
    CheckpointError
        If the folder holds anything but a saved model: that is never deleted.
    """
    folder = Path(folder)
    others = sorted({path.name for path in folder.iterdir()} - {SETTINGS, WEIGHTS, HISTORY}) if folder.is_dir() else []
    if others or folder.is_file():
        raise CheckpointError(f"{folder} holds {', '.join(others[:3]) or 'a file'}, which is no saved model; give a new folder")
    with new_folder(folder) as staging:
        write_files(trained, staging)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `folder` when the block ends well, and vanishes when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield staging
        sync_tree(staging)
        staging.chmod(0o755)
        for path in staging.iterdir():
            path.chmod(0o644)
        if folder.exists():
            # Moved aside, not deleted first: at no moment are both the old and the new one missing.
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
            folder.replace(old)
            staging.replace(folder)
            shutil.rmtree(old)
        else:
            staging.replace(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_files(trained: TrainedModel, folder: Path) -> None:
    """Write settings, weights and history into an existing folder."""
    settings = _settings(trained.model.config, trained.training, trained.model_seed)
    if trained.feature_names is not None:
        settings["feature_names"] = list(trained.feature_names)
    if trained.side_by_side > 1:
        settings["side_by_side"] = trained.side_by_side
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in trained.model.state_dict().items()}, folder / WEIGHTS)
    with (folder / HISTORY).open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(EpochStats)])
        writer.writeheader()
        writer.writerows(asdict(stats) for stats in trained.history)


def load(folder: Path, device: str = "auto") -> TrainedModel:
    """Read a model that `save` wrote.

    Raises
    ------
    CheckpointError
        If a file is missing, truncated, of another format, or does not fit the others.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / SETTINGS).read_text())
        if settings.get("format") != FORMAT:
            raise CheckpointError(f"{folder}: got model format {settings.get('format')!r}, this version reads {FORMAT}")
        model = GaussianMixtureVAE(ModelConfig.model_validate(settings["model"]))
        model.load_state_dict(load_file(folder / WEIGHTS))
        with (folder / HISTORY).open(newline="") as file:
            history = tuple(_epoch_stats(row) for row in csv.DictReader(file))
        training = TrainingConfig.model_validate(settings["training"])
        names = settings.get("feature_names")
        trained = TrainedModel(
            model.eval(),
            training,
            int(settings["model_seed"]),
            history,
            None if names is None else tuple(map(str, names)),
            int(settings.get("side_by_side", 1)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError, ValidationError) as error:
        if isinstance(error, CheckpointError):
            raise
        reason = first_line(error)
        raise CheckpointError(
            f"{folder} holds no readable model ({reason}); train it again or point at another folder"
        ) from error
    trained.model.to(resolve_device(device))
    return trained


def _epoch_stats(row: dict[str, Any]) -> EpochStats:
    values: dict[str, Any] = {
        field.name: (int if field.type is int else float)(row[field.name])
        for field in fields(EpochStats)
        if field.default is MISSING or row.get(field.name)
    }
    return EpochStats(**values)


def save_state(state: TrainingState, file: Path, model: ModelConfig, training: TrainingConfig, model_seed: int) -> None:
    """Write an unfinished training into one file. Not atomic: the caller renames it, or uploads it, as a whole."""
    progress = {
        "step": state.step,
        "seconds": state.seconds,
        "averaged_steps": state.averaged_steps,
        "history": [asdict(stats) for stats in state.history],
    }
    about = {"settings": json.dumps(_settings(model, training, model_seed)), "progress": json.dumps(progress)}
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}, file, about)


def load_state(file: Path, model: ModelConfig, training: TrainingConfig, model_seed: int) -> TrainingState:
    """Read an unfinished training of the same settings and seed.

    Raises
    ------
    CheckpointError
        If the file is truncated or broken, or belongs to another training.
    """
    try:
        with safe_open(file, framework="pt") as content:
            about = content.metadata() or {}
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - it is no dictionary
        settings, progress = json.loads(about["settings"]), json.loads(about["progress"])
        history = tuple(EpochStats(**stats) for stats in progress["history"])
        state = TrainingState(
            tensors, int(progress["step"]), float(progress["seconds"]), int(progress["averaged_steps"]), history
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        reason = first_line(error)
        raise CheckpointError(f"{file.name} is no readable state of a training ({reason})") from error
    if settings != json.loads(json.dumps(_settings(model, training, model_seed))):
        raise CheckpointError(f"{file.name} is the state of a training with other settings")
    return state


def _settings(model: ModelConfig, training: TrainingConfig, model_seed: int) -> dict[str, Any]:
    return {"format": FORMAT, "model": model.model_dump(), "training": training.model_dump(), "model_seed": model_seed}
