"""Curves as TensorBoard's event files: `tensorboard/NAME/` of a run."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

EVENTS = "tensorboard"


class Tracker:
    """Writes each curve into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / EVENTS
        self._writers: dict[str, Any] = {}

    def open(self, name: str, about: Mapping[str, Any], *, fresh: bool) -> None:  # noqa: ARG002 - event files say nothing of it
        """Begin a curve, in the place of an earlier one if it is to be fresh."""
        self.close(name, ok=True)
        folder = self._folder / name.replace("/", "_")
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        self._writers[name] = SummaryWriter(str(folder))

    def log(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Add scalars."""
        for value_name, value in values.items():
            self._writers[name].add_scalar(value_name, value, step)

    def close(self, name: str, *, ok: bool) -> None:  # noqa: ARG002 - event files do not say
        """End a file."""
        writer = self._writers.pop(name, None)
        if writer is not None:
            writer.close()

    def end(self) -> None:
        """End all files."""
        for name in list(self._writers):
            self.close(name, ok=True)
