"""Trackers hear of a run what its records and histories say, through their packages' own interfaces."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from bench.engine.tracking import tracking
from bench.errors import SettingsError
from bench.store.described import read_history
from bench.store.records import read_records
from bench.store.trackers import PROJECT, TRACKERS, check_trackers, open_tracker, prefix_of

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
    prefix = prefix_of(folder)
    training = runs[f"{prefix}/k10-s0"]
    assert training.data.params["n_components"] == "10"
    losses = client.get_metric_history(training.info.run_id, "loss")
    (history,) = (read_history(folder, key) for key in _keys(folder) if key.id == "k10-s0")
    assert [(one.step, one.value) for one in losses] == list(zip(history["epoch"], history["loss"], strict=True))
    for draw in (0, 1):
        of_draw = records[(records["method"] == "soft") & (records["label_seed"] == draw) & (records["model_seed"] == 1)]
        accuracy = client.get_metric_history(runs[f"{prefix}/soft k10-s1 draw {draw}"].info.run_id, "accuracy")
        assert {one.step: one.value for one in accuracy} == dict(zip(of_draw["n_labeled"], of_draw["accuracy"], strict=True))
    # The same command goes on with the same runs: more labels add to their curves.
    assert command(*OPTIONS, "--budgets", "20,60,100", "--log", "mlflow", "--out", str(folder))[0] == 0
    again = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(again) == set(runs)
    curve = client.get_metric_history(again[f"{prefix}/knn draw 0"].info.run_id, "accuracy")
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
    environment = os.environ | {"TRACKIO_DIR": str(tmp_path / "trackio"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # What it prints is kept from what the command prints.
    assert "* " not in done.stdout
    name = f"{prefix_of(tmp_path / 'run')}/k10-s1"
    asked = ["get", "metric", "--project", PROJECT, "--run", name, "--metric", "loss", "--json"]
    told = subprocess.run(
        [sys.executable, "-m", "trackio.cli", *asked], env=environment, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr
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


class Slow:
    """A tracker that hangs as soon as something is sent to it."""

    def __init__(self, _: Path) -> None:
        pass

    def open(self, *_: object, **__: object) -> None:
        time.sleep(3600)


def test_a_tracker_that_hangs_is_waited_for_no_longer_than_is_said(
    monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path
) -> None:
    monkeypatch.setattr("bench.store.trackers.tensorboard.Tracker", Slow)
    monkeypatch.setattr("bench.engine.tracking._PATIENCE_SECONDS", 0.2)
    code, _, err = command(*OPTIONS, "--log", "tensorboard", "--out", str(tmp_path / "run"))
    assert code == 0
    assert "tensorboard is slow: not everything was sent to it" in err


def test_an_interrupt_does_not_wait_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bench.store.trackers.tensorboard.Tracker", Slow)
    monkeypatch.setattr("bench.engine.tracking._SHORT_SECONDS", 0.1)
    told: list[str] = []
    work = SimpleNamespace(trainings=(), folder=tmp_path)

    def interrupted() -> None:
        with tracking(work, ["tensorboard"], told.append) as (one,):  # type: ignore[arg-type]
            one._begin("curve", {}, fresh=False)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert told == ["tensorboard is slow: not everything was sent to it"]


def test_thousands_of_curves_are_few_open_files(tmp_path: Path) -> None:
    tracker = open_tracker("tensorboard", tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for step in (1, 2):
        for number in range(60):
            if step == 1:
                tracker.open(f"curve {number}", {}, fresh=True)
            tracker.log(f"curve {number}", {"loss": 1.0}, step)
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 80
    tracker.end()
    assert len(list((tmp_path / "tensorboard").iterdir())) == 60


def test_runs_of_one_name_have_curves_of_their_own(tmp_path: Path) -> None:
    for place, number in (("a", "11"), ("b", "22")):
        (tmp_path / place / "run").mkdir(parents=True)
        (tmp_path / place / "run" / "config.json").write_text(json.dumps({"run_id": number}))
    assert prefix_of(tmp_path / "a" / "run") == "run-11"
    assert prefix_of(tmp_path / "b" / "run") == "run-22"
