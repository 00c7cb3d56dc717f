"""Whatever dies, hangs or fills up: nothing that finished is lost or done twice, and the same command ends as if it had not."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import (
    ENVIRONMENT,
    FAULTY,
    GMVAE_BENCH,
    MEASURED,
    METHODS,
    descendants,
    end,
    has_state,
    records,
    run,
    same_as,
    start,
    wait_for,
)


def test_a_driver_that_is_interrupted_while_it_trains(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, *METHODS, "--executor", "serial")
    wait_for(lambda: has_state(folder), process)
    end(process, signal.SIGINT)
    assert process.returncode == 130
    assert has_state(folder)
    status = subprocess.run([*GMVAE_BENCH, "status", str(folder)], capture_output=True, text=True, check=True)
    assert "stopped; repeat its command to go on" in " ".join(status.stdout.split())
    run(folder, *METHODS, "--executor", "serial")
    same_as(folder, undisturbed)


def test_a_driver_that_is_killed_while_it_judges(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    # What hangs keeps the process judging; by then others have their records.
    process = start(folder, "--methods", "soft,hard,knn,hangs", command=FAULTY)
    wait_for(lambda: any((folder / "records.parts").glob("[!.]*.parquet")), process)
    end(process, signal.SIGKILL)
    kept = pd.concat([pd.read_parquet(path) for path in (folder / "records.parts").glob("[!.]*.parquet")])
    assert len(kept) > 0
    run(folder, *METHODS)
    ours = pd.read_parquet(folder / "records.parquet")
    # What had a record was not judged again: its times are the old ones.
    assert len(ours.merge(kept, on=["cell_id", "fit_seconds", "predict_seconds"])) == len(kept)
    ours = ours[ours["method"] != "hangs"].reset_index(drop=True).drop(columns=MEASURED)
    pd.testing.assert_frame_equal(ours, records(undisturbed))


def test_workers_that_are_killed_then_their_driver(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, *METHODS)
    wait_for(lambda: has_state(folder) or has_state(folder, "k10-s1"), process)
    killed = set(descendants(process.pid, "ray::ImplicitFunc"))
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    # Tune gives them new workers, which go on with them.
    wait_for(lambda: set(descendants(process.pid, "ray::ImplicitFunc.train")) - killed, process)
    end(process, signal.SIGKILL)
    run(folder, *METHODS)
    same_as(folder, undisturbed)


def test_broken_files_are_noticed_and_made_again(undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, *METHODS, "--executor", "serial")
    wait_for(lambda: has_state(folder, "k10-s1"), process)
    end(process, signal.SIGKILL)
    state = folder / "checkpoints" / "k10-s1" / "training.safetensors"
    posterior = folder / "models" / "k10-s0" / "posterior.safetensors"
    parts = sorted((folder / "records.parts").glob("[!.]*.parquet"))
    for path in (state, posterior, parts[0]):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    # The cells of the broken model have lost their records with it, so that it is needed again.
    for path in parts[1:]:
        path.unlink()
    _, messages = run(folder, *METHODS, "--executor", "serial")
    assert "k10-s1: training.safetensors is no readable state of a training" in messages
    assert "model k10-s0: posterior.safetensors is broken" in messages
    assert "records that could not be read; their cells run again" in messages
    for path in folder.glob("*.broken"):
        path.unlink()
    same_as(folder, undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(undisturbed: Path, small_disk: Path) -> None:
    folder = small_disk / "run"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400 * 1024))
    _, messages = run(folder, *METHODS, "--executor", "serial", expected_code=2)
    assert "No space left on device" in messages
    assert "free space" in messages
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    run(folder, *METHODS, "--executor", "serial")
    same_as(folder, undisturbed)


def test_a_read_only_disk(undisturbed: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    folder = small_disk / "run"
    shutil.copytree(undisturbed, folder)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    _, messages = run(folder, *METHODS, "--executor", "serial", expected_code=2)
    assert messages.startswith(f"gmvae-bench: cannot write to {folder}: Read-only file system")
    # Reading needs no right to write.
    subprocess.run([*GMVAE_BENCH, "status", str(folder)], check=True, capture_output=True)
    subprocess.run([*GMVAE_BENCH, "table", str(folder)], check=True, capture_output=True)


def test_data_that_changed_since_are_refused(tmp_path: Path) -> None:
    data, folder = tmp_path / "own.npz", tmp_path / "run"
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 6)).astype(np.float32), rng.integers(0, 2, 200)
    np.savez(data, x=x, y=y)
    options = ["--data", str(data), "--methods", "knn", "--executor", "serial"]
    run(folder, *options)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    np.savez(data, x=x + np.float32(1e-3), y=y)
    _, messages = run(folder, *options, expected_code=2)
    assert "belongs to a different configuration (dataset_sha256:" in messages
    assert {path: path.read_bytes() for path in before} == before


def test_others_may_look_while_a_process_works_but_not_write(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, *METHODS, "--executor", "serial", "--epochs", "100000")
    wait_for(lambda: has_state(folder), process)
    time.sleep(1.5)
    status = subprocess.run([*GMVAE_BENCH, "status", str(folder)], capture_output=True, text=True, check=True)
    shown = " ".join(status.stdout.split())
    assert f"running (process {process.pid} on " in shown
    assert "models: 0 of 2 trained k10-s0: epoch " in shown
    assert "k10-s1: waiting" in shown
    assert "soft 0 0 0 8" in shown
    _, messages = run(folder, *METHODS, "--executor", "serial", "--epochs", "100000", expected_code=2)
    assert f"process {process.pid} on " in messages
    assert "wait for it, or give another --out" in messages
    preview, _ = run(folder, *METHODS, "--epochs", "100000", "--dry-run")
    assert "would run 16 cells in" in " ".join(preview.split())
    end(process, signal.SIGKILL)


def test_a_short_soak() -> None:
    soak = [sys.executable, str(Path(__file__).parent / "soak.py"), "--kills", "2", "--epochs", "10", "--longest", "4"]
    done = subprocess.run(soak, capture_output=True, text=True, env=ENVIRONMENT, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "208 records and 4 models are those of the undisturbed run, value for value" in done.stdout
