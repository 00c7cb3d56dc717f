"""The parts of a run that take long to read: its data, and what its models made of them."""

from pathlib import Path

from bench.data.dataset import Dataset
from bench.data.registry import load_dataset
from bench.errors import BenchError, SettingsError
from bench.judge.inspection import Inspection
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
    folder = data_dir or (Path(settings["data_dir"]) if settings.get("data_dir") else None)
    try:
        dataset = load_dataset(
            settings.get("data") or stored.dataset["name"],
            folder,
            label_column=settings.get("label_column"),
            holdout=settings.get("holdout") or "none",
        )
    except BenchError as error:
        raise SettingsError(f"{error}; if the run's data lie elsewhere now, say where with --data-dir") from error
    if dataset.sha256 != stored.dataset.get("sha256"):
        raise SettingsError(f"the data at {settings.get('data')} are not those of the run any more (other SHA-256)")
    return dataset
