"""The command with models that train side by side: in one process, on Ray, and after a worker died."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from safetensors.numpy import load_file

from tests.support.runs import ENVIRONMENT, METHODS, Ray, finish, has_state, records, run, start, wait_for

# Enough for a worker to be killed in the middle: what is trained again in other company rounds otherwise.
EPOCHS = 60
FOUR = ["--model-seeds", "0-3", "--pack", "2", "--epochs", str(EPOCHS), *METHODS]
KEYS = [f"k10-s{seed}" for seed in range(4)]


@pytest.fixture(scope="module")
def in_one_process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("packs") / "run"
    _, messages = run(folder, *FOUR, "--executor", "serial")
    assert "4 models train in 2 packs, up to 2 side by side; --pack 1 trains each alone" in " ".join(messages.split())
    return folder


@pytest.mark.slow
def test_models_side_by_side_are_like_those_alone(in_one_process: Path, tmp_path: Path) -> None:
    """Rounding grows over the epochs, and who trained beside whom is kept; what is judged of the models stays about the same."""
    run(tmp_path / "run", *FOUR, "--pack", "1", "--executor", "serial")
    for key in KEYS:
        side, alone = (pd.read_csv(folder / "models" / key / "history.csv") for folder in (in_one_process, tmp_path / "run"))
        assert side["loss"].iloc[0] == pytest.approx(alone["loss"].iloc[0], rel=1e-4)
        assert side["loss"].iloc[-1] == pytest.approx(alone["loss"].iloc[-1], rel=0.05)
    beside = [json.loads((in_one_process / "models" / key / "settings.json").read_text())["side_by_side"] for key in KEYS]
    assert beside == [2] * 4
    ours, theirs = (records(folder).groupby("method")["accuracy"].mean() for folder in (in_one_process, tmp_path / "run"))
    pd.testing.assert_series_equal(ours, theirs, atol=0.08, rtol=0)


@pytest.mark.ray
@pytest.mark.slow
def test_packs_on_ray_survive_their_workers_and_are_the_same(ray: Ray, in_one_process: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, *FOUR, *ray.options)
    wait_for(lambda: any(has_state(folder, key) for key in KEYS), process)
    killed = ray.workers()
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    finish(process)
    pd.testing.assert_frame_equal(records(folder), records(in_one_process))
    for key in KEYS:
        ours, theirs = (load_file(place / "models" / key / "weights.safetensors") for place in (folder, in_one_process))
        assert all((ours[name] == theirs[name]).all() for name in theirs)
        assert pd.read_csv(folder / "models" / key / "history.csv")["epoch"].tolist() == list(range(1, EPOCHS + 1))


@pytest.mark.slow
def test_the_campaign_for_a_gpu_goes_on_where_it_was(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "results" / "gpu" / "measure.py"
    out = tmp_path / "measured.json"
    command = [sys.executable, str(script), "--device", "cpu", "--small", "--paper-seeds", "2", "--out", str(out), "--pieces"]
    # No time: the paper's model stops before its first epoch is over, and the next call goes on.
    for minutes in ("0", "5"):
        subprocess.run([*command, "c,d", "--minutes", minutes], check=True, capture_output=True, env=ENVIRONMENT)
    found = json.loads(out.read_text())
    models = found["d"]["models"]
    assert (models["epoch"], "unfinished" in models) == (4, False)
    assert len(models["soft"]) == 2
    assert set(found["c"]) == {"packed", "k5 alone", "k10 alone", "k20 alone", "k40 alone"}
    assert len(found["c"]["packed"]["soft"]) == 12
    # What was measured elsewhere is not mixed with it.
    found["about"]["torch"] = "0.1"
    out.write_text(json.dumps(found))
    refused = subprocess.run([*command, "c"], check=False, capture_output=True, text=True, env=ENVIRONMENT)
    assert refused.returncode == 1
    assert "was measured elsewhere" in refused.stderr
