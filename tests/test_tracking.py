"""Trackers hear of a run what its records and histories say, through their packages' own interfaces."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.engine.tracking import Tracking
from bench.errors import SettingsError
from bench.store.described import read_history
from bench.store.records import read_records
from bench.store.trackers import PROJECT, TRACKERS, check_trackers

Command = Callable[..., tuple[int, str, str]]
OPTIONS = (
    "run", "--executor", "serial", "--components", "10", "--model-seeds", "0-1", "--epochs", "3", "--label-seeds", "2",
    "--budgets", "20,60", "--methods", "soft,knn",
)  # fmt: skip


def test_a_tracker_that_is_not_there_is_refused_at_once(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = command(*OPTIONS, "--log", "mlfow", "--out", str(tmp_path / "run"))
    assert (code, "did you mean 'mlflow'" in err) == (2, True)
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr("bench.store.trackers.find_spec", lambda _: None)
    for name in TRACKERS:
        with pytest.raises(SettingsError, match=f"--log {name} needs the package .*: pip install"):
            check_trackers([name])


@pytest.mark.slow
def test_mlflow_has_every_epoch_and_every_cell(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/mlruns")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    folder = tmp_path / "run"
    assert command(*OPTIONS, "--log", "mlflow", "--out", str(folder))[0] == 0
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name(PROJECT)
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    records = read_records(folder)
    # Two trainings; soft by two models and two draws, knn by two draws.
    assert len(runs) == 2 + 4 + 2
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    training = runs["run/k10-s0"]
    assert training.data.params["n_components"] == "10"
    losses = client.get_metric_history(training.info.run_id, "loss")
    (history,) = (read_history(folder, key) for key in _keys(folder) if key.id == "k10-s0")
    assert [(one.step, one.value) for one in losses] == list(zip(history["epoch"], history["loss"], strict=True))
    for draw in (0, 1):
        of_draw = records[(records["method"] == "soft") & (records["label_seed"] == draw) & (records["model_seed"] == 1)]
        accuracy = client.get_metric_history(runs[f"run/soft k10-s1 draw {draw}"].info.run_id, "accuracy")
        assert {one.step: one.value for one in accuracy} == dict(zip(of_draw["n_labeled"], of_draw["accuracy"], strict=True))
    # The same command goes on with the same runs: more labels add to their curves.
    assert command(*OPTIONS, "--budgets", "20,60,100", "--log", "mlflow", "--out", str(folder))[0] == 0
    again = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(again) == set(runs)
    curve = client.get_metric_history(again["run/knn draw 0"].info.run_id, "accuracy")
    assert sorted(one.step for one in curve) == [20, 60, 100]


def _keys(folder: Path) -> list[Any]:
    from bench.store.presence import model_keys

    return list(model_keys(folder))


@pytest.mark.slow
def test_trackio_has_every_epoch(tmp_path: Path) -> None:
    # In a process of its own: it reads where to write when it is imported.
    script = f"""
import sys
sys.argv = ["gmvae-bench", *{OPTIONS!r}, "--log", "trackio", "--out", {str(tmp_path / "run")!r}]
from bench.cli.main import main
main()
"""
    import os

    environment = os.environ | {"TRACKIO_DIR": str(tmp_path / "trackio"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # What it prints is kept from what the command prints.
    assert "* " not in done.stdout
    asked = [
        sys.executable,
        "-m",
        "trackio.cli",
        "get",
        "metric",
        "--project",
        PROJECT,
        "--run",
        "run/k10-s1",
        "--metric",
        "loss",
    ]
    told = subprocess.run([*asked, "--json"], env=environment, capture_output=True, text=True, timeout=120)
    (history,) = (read_history(tmp_path / "run", key) for key in _keys(tmp_path / "run") if key.id == "k10-s1")
    values = json.loads(told.stdout)["values"]
    assert [one["value"] for one in values] == pytest.approx(list(history["loss"]))


def test_a_tracker_that_fails_is_left_alone(monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path) -> None:
    class Broken:
        def __init__(self, _: Path) -> None:
            raise ConnectionError("nobody answers\nat all")

    monkeypatch.setattr("bench.store.trackers.tensorboard.Tracker", Broken)
    code, _, err = command(*OPTIONS, "--log", "tensorboard", "--out", str(tmp_path / "run"))
    assert code == 0
    assert err.count("tensorboard failed, and is left alone: ConnectionError: nobody answers") == 1
    assert isinstance(read_records(tmp_path / "run"), pd.DataFrame)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("track-")]
    assert Tracking.__doc__
