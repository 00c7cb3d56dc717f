"""Curves as runs of a Weights & Biases project."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from bench.store.trackers import PROJECT, prefix_of


class Tracker:
    """Writes each curve as a run, with an id made of its name."""

    def __init__(self, folder: Path) -> None:
        self._prefix = prefix_of(folder)
        self._runs: dict[str, Any] = {}
        self._axes: dict[str, str] = {}

    def open(self, name: str, about: Mapping[str, Any], *, fresh: bool) -> None:  # noqa: ARG002 - an id can be used once
        """Begin a run, or go on with the one of that id."""
        key = f"{self._prefix}/{name}"
        # Nothing of the machine or the sources is sent.
        quiet = wandb.Settings(
            silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True, save_code=False
        )
        self._runs[name] = wandb.init(
            project=PROJECT,
            id=hashlib.sha256(key.encode()).hexdigest()[:16],
            name=key,
            group=str(about.get("group", "")) or None,
            config=dict(about),
            resume="allow",
            reinit="create_new",
            settings=quiet,
        )
        # Its own steps only grow, and budgets come as they are judged.
        self._axes[name] = axis = str(about.get("axis", "step"))
        self._runs[name].define_metric(axis)
        self._runs[name].define_metric("*", step_metric=axis)

    def log(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Add metrics."""
        self._runs[name].log({**values, self._axes[name]: step})

    def close(self, name: str, *, ok: bool) -> None:
        """End a run."""
        self._runs.pop(name).finish(exit_code=0 if ok else 1)

    def end(self) -> None:
        """End all runs."""
        for name in list(self._runs):
            self.close(name, ok=True)
        wandb.teardown()
