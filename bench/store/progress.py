"""`progress.json`: how far the process in a run folder is, for other processes to read."""

import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import StoreError
from bench.store.atomic import read_json, write_json
from bench.wording import printable

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
    curve: list[tuple[int, float, int]] = field(default_factory=list)
    """Epoch, loss, live components: of some epochs, since this process began."""


@dataclass
class Progress:
    """How far a process is; it may have died since."""

    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=platform.node)
    begun: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    trainings: dict[str, TrainingProgress] = field(default_factory=dict)
    """By model id."""
    cells_running: dict[str, int] = field(default_factory=dict)
    """By method: given to workers and not yet judged."""
    seconds_left: float | None = None
    """About; `None` where that is not known yet."""


def write_progress(folder: Path, progress: Progress) -> None:
    """Tell other processes; atomically."""
    write_json(folder / PROGRESS, asdict(progress))


def read_progress(folder: Path) -> Progress | None:
    """Return what the last process wrote; `None` if it ended in order, or if there was none."""
    try:
        content = read_json(folder / PROGRESS)
        trainings = {str(key): TrainingProgress(**value) for key, value in content.pop("trainings").items()}
        progress = Progress(**content, trainings=trainings)
    except (StoreError, TypeError, KeyError, AttributeError):
        # Absent, just removed, or written by another version.
        return None
    progress.host, progress.begun = printable(str(progress.host)), printable(str(progress.begun))
    return progress
