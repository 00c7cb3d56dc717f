"""Cells and trainings that die, hang or fail: they fail alone, are named, and are done again when they are asked for."""

import subprocess
import time
from pathlib import Path

import pandas as pd
from runs import (
    FAULTY,
    METHODS,
    finish,
    records,
    run,
    start,
)


def test_a_cell_that_kills_its_worker_or_hangs_fails_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    begun = time.monotonic()
    process = start(folder, "--methods", "knn,kills,hangs", "--cell-limit", "3", command=FAULTY)
    output, _ = finish(process, expected_code=1)
    assert time.monotonic() - begun < 120
    frame = records(folder)
    failed = frame[frame["status"] != "ok"]
    assert len(frame) == 12
    assert sorted(zip(failed["method"], failed["n_labeled"], failed["label_seed"], failed["status"], strict=True)) == [
        ("hangs", 50, 0, "timeout"),
        ("hangs", 50, 1, "timeout"),
        ("kills", 50, 0, "failed"),
        ("kills", 50, 1, "failed"),
    ]
    assert failed.loc[failed["method"] == "hangs", "error"].eq("the cell took longer than 3 seconds").all()
    assert failed.loc[failed["method"] == "kills", "error"].str.startswith("WorkerCrashedError").all()
    assert "4 of 12 cells failed" in output.replace("\n", " ")
    status = subprocess.run([*FAULTY, "status", str(folder)], capture_output=True, text=True, check=True)
    assert "failed: hangs, 2 cells: the cell took longer than 3 seconds" in status.stdout


def test_a_cell_that_eats_all_memory_fails_alone(tmp_path: Path) -> None:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    folder = tmp_path / "run"
    # Ray ends who takes so much beyond what is in use now; other tests may need some of it meanwhile.
    threshold = 1 - (free - min(6 * 2**20, free // 2)) / total
    process = start(
        folder, "--methods", "knn,eats", "--label-seeds", "1", command=FAULTY,
        RAY_memory_usage_threshold=f"{threshold:.3f}", RAY_memory_monitor_refresh_ms="100",
    )  # fmt: skip
    finish(process, expected_code=1)
    frame = records(folder)
    failed = frame[frame["status"] != "ok"]
    assert failed[["method", "n_labeled"]].to_numpy().tolist() == [["eats", 50]]
    assert failed["error"].str.contains("OutOfMemoryError|WorkerCrashedError").all()


def test_failed_cells_are_left_alone_until_they_are_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["--methods", "knn,flaky", "--executor", "serial"]
    finish(start(folder, *options, command=FAULTY, FLAKY="1"), expected_code=1)
    before = pd.read_parquet(folder / "records.parquet")
    assert (before["status"] == "failed").sum() == 2
    # The same command finds nothing to run, and still says that cells failed.
    output, messages = finish(start(folder, *options, command=FAULTY), expected_code=1)
    assert messages == "nothing to run: all 8 cells have a record\n"
    assert "with --retry-failed runs them again" in output.replace("\n", " ")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "records.parquet"), before)
    preview, _ = finish(start(folder, *options, "--dry-run", "--retry-failed", command=FAULTY))
    assert "would run 2 cells" in preview
    finish(start(folder, *options, "--retry-failed", command=FAULTY))
    after = pd.read_parquet(folder / "records.parquet")
    assert (after["status"] == "ok").all()
    kept = before["status"] == "ok"
    pd.testing.assert_frame_equal(after[kept], before[kept])


def test_a_training_that_takes_too_long_fails_and_the_rest_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    long = ["--epochs", "1000000", "--trial-limit", "4", "--model-seeds", "0"]
    run(folder, *METHODS, *long, expected_code=1)
    frame = records(folder)
    assert (frame.loc[frame["method"] == "knn", "status"] == "ok").all()
    trained = frame[frame["method"] != "knn"]
    assert (trained["status"] == "timeout").all()
    assert trained["error"].eq("training failed: the training took longer than 4 seconds").all()
