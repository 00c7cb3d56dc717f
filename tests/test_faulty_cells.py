"""Cells and trainings that die, hang or fail: they fail alone, are named, and are done again when they are asked for."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import numpy as np
import pandas as pd
import pytest
from runs import FAULTY, RUN, besides_progress, finish, records, start

from baselines.neighbors import NeighborsBaseline
from bench.data.dataset import Dataset
from bench.engine import distributed
from bench.judge.methods import METHODS, Method
from bench.plan.settings import make_settings
from bench.run import make_plan, make_work

# What a cell may take before Ray ends it, beyond all that is in use when the run begins. Other tests may need a part meanwhile.
_MEMORY_KIB = 4 * 2**20


@pytest.mark.ray
@pytest.mark.slow
def test_cells_that_kill_hang_or_eat_fail_alone_and_so_does_a_training_that_takes_too_long(tmp_path: Path) -> None:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    threshold = 1 - (free - min(_MEMORY_KIB, free // 2)) / total
    folder = tmp_path / "run"
    limits = ["--cell-limit", "25", "--epochs", "1000000", "--trial-limit", "4", "--model-seeds", "0", "--label-seeds", "1"]
    # A private Ray: the memory that it allows is a setting of its start.
    process = start(
        folder, "--methods", "knn,kills,hangs,eats,soft", *limits, command=FAULTY,
        RAY_memory_usage_threshold=f"{threshold:.3f}", RAY_memory_monitor_refresh_ms="100",
    )  # fmt: skip
    output, _ = finish(process, expected_code=1)
    frame = records(folder)
    assert len(frame) == 10
    trained = frame[frame["method"] == "soft"]
    assert (trained["status"] == "timeout").all()
    assert trained["error"].eq("training failed: the training took longer than 4 seconds").all()
    failed = frame[(frame["status"] != "ok") & (frame["method"] != "soft")].set_index("method")
    assert dict(zip(failed.index, failed["status"], strict=True)) == {"kills": "failed", "hangs": "timeout", "eats": "failed"}
    assert (failed["n_labeled"] == 50).all()
    assert failed["error"]["hangs"] == "the cell took longer than 25 seconds"
    assert failed["error"]["kills"].startswith("WorkerCrashedError")
    assert failed["error"]["eats"].startswith(("OutOfMemoryError", "WorkerCrashedError"))
    assert "5 of 10 cells failed" in output.replace("\n", " ")
    status = subprocess.run([*FAULTY, "status", str(folder)], capture_output=True, text=True, check=True)
    assert "failed: hangs, 1 cell: the cell took longer than 25 seconds" in status.stdout


def test_failed_cells_are_left_alone_until_they_are_asked_for(
    command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bad_luck = [True]

    class Flaky(NeighborsBaseline):
        def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
            if (y >= 0).sum() == 50 and bad_luck:
                raise ValueError("bad luck")
            return super().fit(x, y)

    monkeypatch.setitem(METHODS, "flaky", Method(Flaky, "pca", "misbehaves"))
    folder = tmp_path / "run"
    same = [*RUN, "--methods", "knn,flaky", "--executor", "serial", "--out", str(folder)]
    assert command(*same)[0] == 1
    before = pd.read_parquet(folder / "records.parquet")
    assert (before["status"] == "failed").sum() == 2
    # The same command finds nothing to run, and still says that cells failed.
    code, output, messages = command(*same)
    assert code == 1
    assert besides_progress(messages) == ["nothing to run: all 8 cells have a record"]
    assert "with --retry-failed runs them again" in output.replace("\n", " ")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "records.parquet"), before)
    code, preview, _ = command(*same, "--dry-run", "--retry-failed")
    assert code == 0
    assert "would run 2 cells" in preview
    bad_luck.clear()
    assert command(*same, "--retry-failed")[0] == 0
    after = pd.read_parquet(folder / "records.parquet")
    assert (after["status"] == "ok").all()
    kept = before["status"] == "ok"
    pd.testing.assert_frame_equal(after[kept], before[kept])


def test_a_cell_that_ends_after_a_limit_below_a_second_fails(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dawdles(NeighborsBaseline):
        def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
            time.sleep(0.5 if (y >= 0).sum() == 30 else 0)
            return super().fit(x, y)

    monkeypatch.setitem(METHODS, "dawdles", Method(Dawdles, "pca", "takes its time"))
    settings = make_settings({"components": "5", "budgets": "20,30", "label_seeds": "1", "methods": "dawdles"})
    work = make_work(make_plan(settings, small_dataset), tmp_path / "run")
    (batch,) = work.batches
    here = SimpleNamespace(get_node_id=lambda: "node")
    monkeypatch.setattr("bench.engine.distributed.ray", SimpleNamespace(get_runtime_context=lambda: here))
    node, *parts = distributed._judge_remotely(
        batch, work.methods["dawdles"], small_dataset, work.origin, work.model_name, 0.3, None, 1, None
    )
    assert node == "node"
    statuses = {record.n_labeled: (record.status, record.error) for part in parts for record in part}
    assert statuses == {20: ("ok", None), 30: ("timeout", "the cell took longer than 0.3 seconds")}
