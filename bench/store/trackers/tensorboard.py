"""Curves as TensorBoard's event files: `tensorboard/NAME/` of a run."""

import shutil
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

EVENTS, _MAX_OPEN = "tensorboard", 16


class Tracker:
    """Writes each curve into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / EVENTS
        # The one used last at the end: a run may have thousands of curves, and a process few open files.
        self._writers: OrderedDict[str, Any] = OrderedDict()

    def open(self, name: str, about: Mapping[str, Any], *, fresh: bool) -> None:  # noqa: ARG002 - event files say nothing of it
        """Begin a curve, in the place of an earlier one if it is to be fresh."""
        self.close(name, ok=True)
        if fresh:
            shutil.rmtree(self._place(name), ignore_errors=True)

    def log(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Add scalars."""
        writer = self._writers.pop(name, None) or SummaryWriter(str(self._place(name)))
        self._writers[name] = writer
        if len(self._writers) > _MAX_OPEN:
            self._writers.popitem(last=False)[1].close()
        for value_name, value in values.items():
            writer.add_scalar(value_name, value, step)

    def _place(self, name: str) -> Path:
        return self._folder / name.replace("/", "_")

    def close(self, name: str, *, ok: bool) -> None:  # noqa: ARG002 - event files do not say
        """End a file."""
        writer = self._writers.pop(name, None)
        if writer is not None:
            writer.close()

    def end(self) -> None:
        """End all files."""
        for name in list(self._writers):
            self.close(name, ok=True)
