"""Curves as runs of a Trackio project."""

import contextvars
import io
import sys
import threading
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import trackio

from bench.store.trackers import PROJECT, prefix_of


class _Sieve(io.TextIOBase):
    """Keeps back what this thread prints, and lets through what others do."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        """Write, or not."""
        return len(text) if threading.get_ident() == self._thread else self._stream.write(text)

    def flush(self) -> None:
        """Flush."""
        self._stream.flush()


class Tracker:
    """Writes each curve as a run, which Trackio knows by its name."""

    def __init__(self, folder: Path) -> None:
        self._prefix = prefix_of(folder)
        self._runs: dict[str, Any] = {}

    def open(self, name: str, about: Mapping[str, Any], *, fresh: bool) -> None:  # noqa: ARG002 - a name can be used once
        """Begin a run, or go on with the one of that name."""
        # In a context of its own: `init` ends the run of the context that it is called in. What it prints is not ours to print.
        with redirect_stdout(_Sieve(sys.stdout)):
            self._runs[name] = contextvars.Context().run(
                trackio.init,
                project=PROJECT,
                name=f"{self._prefix}/{name}",
                group=str(about.get("group", "")) or None,
                config=dict(about),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Add metrics."""
        self._runs[name].log(dict(values), step=step)

    def close(self, name: str, *, ok: bool) -> None:  # noqa: ARG002 - Trackio does not ask
        """End a run."""
        with redirect_stdout(_Sieve(sys.stdout)):
            self._runs.pop(name).finish()

    def end(self) -> None:
        """End all runs."""
        for name in list(self._runs):
            self.close(name, ok=True)
