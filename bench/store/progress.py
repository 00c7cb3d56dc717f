"""`progress.json`: what the process that works in a run folder is at, for other processes to read."""

import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.store.atomic import read_json, write_json

PROGRESS = "progress.json"


@dataclass
class TrainingProgress:
    """How far one training is."""

    state: str
    """`waiting`, `training`, `trained` or `failed`."""
    epochs: int
    epoch: int = 0
    seconds: float = 0.0
    """Spent in training up to `epoch`."""


@dataclass
class Progress:
    """What a process is at; it may have died since."""

    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=platform.node)
    begun: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    trainings: dict[str, TrainingProgress] = field(default_factory=dict)
    """By model id."""
    cells_running: int = 0
    """Given to workers and not yet judged."""


def write_progress(folder: Path, progress: Progress) -> None:
    """Tell other processes; atomically."""
    write_json(folder / PROGRESS, asdict(progress))


def read_progress(folder: Path) -> Progress | None:
    """Return what the last process told, or `None` where it ended in order, or never was."""
    if not (folder / PROGRESS).is_file():
        return None
    content = read_json(folder / PROGRESS)
    try:
        trainings = {str(key): TrainingProgress(**value) for key, value in content.pop("trainings").items()}
        return Progress(**content, trainings=trainings)
    except (TypeError, KeyError, AttributeError):
        return None
