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
    # Runs of before columns were described read all numbers as they are, pictures in grey, and no more than 64 pixels wide.
    readings = [given] if "columns" in stored.dataset else [given, given | {"log_columns": (NONE,), "color": "grey"}]
    holdout = settings.get("holdout") or MERGED
    try:
        datasets = (load_dataset(name, folder, Reading(**reading), holdout=holdout) for reading in readings)
        same = next((dataset for dataset in datasets if dataset.sha256 == stored.dataset.get("sha256")), None)
    except BenchError as error:
        raise SettingsError(f"{error}; if the run's data lie elsewhere now, say where with --data-dir") from error
    if same is None:
        raise SettingsError(f"the data at {settings.get('data')} are not those of the run any more (other SHA-256)")
    return same


def _frozen(value: Any) -> Any:
    """Return a value of JSON as one of a `Reading`."""
    return tuple(value) if isinstance(value, list) else value
