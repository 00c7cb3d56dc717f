"""The parts of a run that take long to read: its data, and what its models made of them."""

from pathlib import Path
from typing import Any

from bench.data.dataset import Dataset
from bench.data.reading import NONE, Reading
from bench.data.registry import load_dataset
from bench.data.splits import MERGED
from bench.errors import BenchError, SettingsError
from bench.judge.inspection import Inspection
from bench.plan.settings import READING
from bench.store.folder import StoredRun
from bench.store.models import load_encoded

__all__ = ["Inspection", "load_data", "load_encoded"]


def load_data(stored: StoredRun, data_dir: Path | None) -> Dataset:
    """Load the data of a run.

    Raises
    ------
    SettingsError
        If they are missing or have changed.
    """
    settings = stored.config.get("settings", {})
    name = settings.get("data") or stored.dataset["name"]
    folder = data_dir or (Path(settings["data_dir"]) if settings.get("data_dir") else None)
    given = {key: _frozen(settings[key]) for key in READING if settings.get(key) is not None}
    # Runs of before columns were described read all numbers as they are, pictures in grey, and large ones with 32 pixels a side.
    before: list[dict[str, Any]] = [{"log_columns": (NONE,)}, {"color": "grey"}, {"color": "grey", "image_size": 32}]
    readings = [given] if "columns" in stored.dataset else [given, *(given | one for one in before)]
    holdout = settings.get("holdout") or MERGED
    try:
        same = _first(name, folder, readings, holdout, stored.dataset.get("sha256"))
    except BenchError as error:
        raise SettingsError(f"{error}; if the run's data lie elsewhere now, say where with --data-dir") from error
    if same is None:
        raise SettingsError(f"the data at {settings.get('data')} are not those of the run any more (other SHA-256)")
    return same


def _first(name: str, folder: Path | None, readings: list[dict[str, Any]], holdout: str, sha256: str | None) -> Dataset | None:
    """Return the data as the first of several readings that gives those of the run."""
    for place, reading in enumerate(readings):
        try:
            dataset = load_dataset(name, folder, Reading(**reading), holdout=holdout)
        except SettingsError:
            # What was said in those days may be of no use for data of this kind.
            if place == 0:
                raise
            continue
        if dataset.sha256 == sha256:
            return dataset
    return None


def _frozen(value: Any) -> Any:
    """Return a value of JSON as one of a `Reading`."""
    return tuple(value) if isinstance(value, list) else value
