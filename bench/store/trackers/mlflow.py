"""Curves as runs of an MLflow experiment."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from bench.store.trackers import PROJECT, prefix_of

_KEY = "gmvae_bench.key"


class Tracker:
    """Writes each curve as a run, which it finds again by a tag."""

    def __init__(self, folder: Path) -> None:
        self._client, self._prefix = MlflowClient(), prefix_of(folder)
        there = self._client.get_experiment_by_name(PROJECT)
        self._experiment = there.experiment_id if there else self._client.create_experiment(PROJECT)
        self._runs: dict[str, str] = {}
        self._last: dict[str, int] = {}
        """Last epoch of each training."""

    def open(self, name: str, about: Mapping[str, Any], *, fresh: bool) -> None:
        """Begin a run, or go on with the one that an earlier command began."""
        # A hash, since names may hold quotes.
        key = hashlib.sha256(f"{self._prefix}/{name}".encode()).hexdigest()[:32]
        found = None if fresh else self._client.search_runs([self._experiment], f"tags.`{_KEY}` = '{key}'", max_results=1)
        if found:
            run = found[0]
            self._client.update_run(run.info.run_id, status="RUNNING")
        else:
            run = self._client.create_run(self._experiment, run_name=f"{self._prefix}/{name}", tags={_KEY: key})
            parameters = [Param(field, str(value)) for field, value in about.items()]
            self._client.log_batch(run.info.run_id, params=parameters)
        self._runs[name] = run.info.run_id
        if about.get("kind") == "training":
            # One that goes on from its last checkpoint repeats epochs after it.
            metrics = list(run.data.metrics) if found else []
            history = self._client.get_metric_history(run.info.run_id, metrics[0]) if metrics else []
            self._last[name] = max((metric.step for metric in history), default=-1)

    def log(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Add metrics."""
        last = self._last.get(name)
        if last is not None:
            if step <= last:
                return
            self._last[name] = step
        now = int(1000 * time.time())
        self._client.log_batch(self._runs[name], metrics=[Metric(field, value, now, step) for field, value in values.items()])

    def close(self, name: str, *, ok: bool) -> None:
        """End a run."""
        self._client.set_terminated(self._runs.pop(name), "FINISHED" if ok else "FAILED")

    def end(self) -> None:
        """End all runs."""
        for name in list(self._runs):
            self.close(name, ok=True)
