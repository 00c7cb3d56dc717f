"""Which trained models a run has, from the headers of their files: cheap, and without torch."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from bench.plan.cells import ModelKey
from gmvae.disk import HISTORY, SETTINGS, WEIGHTS
from gmvae.errors import first_line

MODELS, ENCODED = "models", "posterior.safetensors"
# In an exported run: the items per cluster of a model, instead of its posteriors.
CLUSTERS = "clusters.json"
# The posterior comes last: a model that has one is complete.
FILES = (SETTINGS, WEIGHTS, HISTORY, ENCODED)


def model_folder(folder: Path, key: ModelKey) -> Path:
    """Return where a model of a run lives."""
    return folder / MODELS / key.id


def is_trained(folder: Path, key: ModelKey) -> bool:
    """Whether the model is there and none of its files is cut short."""
    return model_folder(folder, key).is_dir() and model_fault(folder, key) is None


def model_fault(folder: Path, key: ModelKey) -> str | None:
    """Return what is wrong with the files of a model; `None` if nothing is. Only headers are read."""
    model_dir = model_folder(folder, key)
    for name in FILES:
        if not (model_dir / name).is_file():
            return f"{name} is missing"
        if name.endswith(".safetensors"):
            try:
                with safe_open(model_dir / name, framework="np"):
                    pass
            except (OSError, SafetensorError) as error:
                return f"{name} is broken: {first_line(error)}"
    return None


def is_exported(folder: Path, key: ModelKey) -> bool:
    """Whether the model's history and cluster sizes are there, as in an exported run."""
    return all((model_folder(folder, key) / name).is_file() for name in (HISTORY, CLUSTERS))


def model_keys(folder: Path) -> tuple[ModelKey, ...]:
    """Return the models with a folder in the run, complete or not, the largest K first; plain VAEs (K = 1) last."""
    keys = []
    for path in (folder / MODELS).glob("*-s*"):
        name, _, seed = path.name.partition("-s")
        k = "1" if name == "vae" else name.removeprefix("k")
        if k.isdigit() and seed.isdigit() and ModelKey(int(k), int(seed)).id == path.name:
            keys.append(ModelKey(int(k), int(seed)))
    return tuple(sorted(keys, key=lambda key: (-key.n_components, key.model_seed)))


def trained_models(folder: Path) -> tuple[ModelKey, ...]:
    """Return the trained models of a run with more than one component, the largest K first."""
    return tuple(key for key in model_keys(folder) if key.n_components > 1 and is_trained(folder, key))
