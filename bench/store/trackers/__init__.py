"""`TRACKERS`: where else a run may write what it measures. A tracker is the module of the same name in this folder.

It has a class `Tracker`, made with the run's folder. Each is used by one thread, through its package's public interface alone.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from bench.errors import SettingsError, StoreError, unknown_name
from bench.store.atomic import read_json
from bench.store.folder import CONFIG

PROJECT = "gmvae-bench"
"""What a tracker calls an experiment or a project, unless its own environment says otherwise."""
TRACKERS: Mapping[str, str] = {
    "mlflow": "MLflow: where MLFLOW_TRACKING_URI says",
    "wandb": "Weights & Biases: as `wandb login` and WANDB_MODE say",
    "trackio": "Trackio: in TRACKIO_DIR, or as it is set up",
    "tensorboard": "TensorBoard's event files: in tensorboard/ of the run",
}
"""By name: what it is, and where it writes."""
_PACKAGES = {"tensorboard": "tensorboardX"}


class Tracker(Protocol):
    """Writes curves: a training's by epoch, a method's by number of labels."""

    def open(self, name: str, about: Mapping[str, Any], *, fresh: bool) -> None:
        """Begin a curve; one that is there already is continued, or replaced if it is to be `fresh`."""
        ...

    def log(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Add to a curve that is open."""
        ...

    def close(self, name: str, *, ok: bool) -> None:
        """End a curve."""
        ...

    def end(self) -> None:
        """Send what is left."""
        ...


def check_trackers(names: Iterable[str]) -> None:
    """Refuse a tracker that does not exist or is not installed, before anything is done.

    Raises
    ------
    SettingsError
        If there is one.
    """
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("tracker", name, TRACKERS)
        package = _PACKAGES.get(name, name)
        if find_spec(package) is None:
            raise SettingsError(f"--log {name} needs the package {package}, which is not installed: pip install {package}")


def prefix_of(folder: Path) -> str:
    """Return what the curves of a run are called by: the folder's name and the run's number, since others have that name."""
    try:
        number = str(read_json(folder / CONFIG).get("run_id", ""))
    except StoreError:
        number = ""
    return f"{folder.name}-{number}" if number else folder.name


def open_tracker(name: str, folder: Path) -> Tracker:
    """Return a tracker for a run; its package is imported here."""
    made: Tracker = import_module(f"{__name__}.{name}").Tracker(folder)
    return made
