"""Which trained models a run has, told from their files' headers; cheap, and without what it takes to read them."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from bench.plan.cells import ModelKey
from gmvae.disk import HISTORY, SETTINGS, WEIGHTS
from gmvae.errors import first_line

MODELS, ENCODED = "models", "posterior.safetensors"
# Of a model in an exported run: items per cluster, in place of what they were counted from.
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
    """Return what is wrong with the files of a model; `None` if nothing is. Headers tell, contents are not read."""
    place = model_folder(folder, key)
    for name in FILES:
        if not (place / name).is_file():
            return f"{name} is missing"
        if name.endswith(".safetensors"):
            try:
                with safe_open(place / name, framework="np"):
                    pass
            except (OSError, SafetensorError) as error:
                return f"{name} is broken: {first_line(error)}"
    return None


def is_exported(folder: Path, key: ModelKey) -> bool:
    """Whether the model's history and cluster sizes are there, as in an exported run."""
    return all((model_folder(folder, key) / name).is_file() for name in (HISTORY, CLUSTERS))


def trained_models(folder: Path) -> tuple[ModelKey, ...]:
    """Return the trained models of a run with more than one component, the largest K first."""
    found = []
    for path in (folder / MODELS).glob("k*-s*"):
        k, _, seed = path.name[1:].partition("-s")
        if k.isdigit() and seed.isdigit() and is_trained(folder, ModelKey(int(k), int(seed))):
            found.append(ModelKey(int(k), int(seed)))
    return tuple(sorted(found, key=lambda key: (-key.n_components, key.model_seed)))
