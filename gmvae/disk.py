"""Names of a saved model's files, for those that need not read them; and getting files onto the disk itself."""

import os
from pathlib import Path
from typing import IO, Any

SETTINGS, WEIGHTS, HISTORY = "settings.json", "weights.safetensors", "history.csv"


def sync(file: IO[Any]) -> None:
    """Make what was written to a file survive a power cut."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make names in a folder, new or changed, survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Do both for all files of a folder."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)
