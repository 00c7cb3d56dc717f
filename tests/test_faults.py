"""Whatever dies, hangs or fills up: nothing that finished is lost or done twice, and the same command ends as if it had not.

One real kill of each kind; what else a run may find when it goes on is written into its folder.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import (
    METHODS,
    RUN,
    Ray,
    besides_progress,
    end,
    finish,
    has_state,
    keep_unfinished,
    processes,
    run,
    same_as,
    start,
    wait_for,
)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def again(command: Command) -> Callable[..., str]:
    """Repeats the run's command in this process, to its end; returns its messages."""

    def repeat(folder: Path, expected_code: int = 0) -> str:
        code, output, messages = command(*RUN, *METHODS, "--executor", "serial", "--out", str(folder))
        assert code == expected_code, output + messages
        return messages

    return repeat


@pytest.mark.slow
def test_others_may_look_but_not_write_while_a_process_works_and_an_interrupt_leaves_its_state(
    command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    same = [*RUN, *METHODS, "--executor", "serial", "--epochs", "100000", "--out", str(folder)]
    process = start(folder, *METHODS, "--executor", "serial", "--epochs", "100000")
    wait_for(lambda: has_state(folder), process)

    def status() -> str:
        code, output, _ = command("status", str(folder))
        assert code == 0
        return " ".join(output.split())

    # The first epochs are told together, after a second.
    wait_for(lambda: "models: 0 of 2 trained k10-s0: epoch " in status(), process)
    shown = status()
    assert f"running (process {process.pid} on " in shown
    assert "k10-s1: waiting" in shown
    assert "soft 0 0 0 8" in shown
    code, _, messages = command(*same)
    assert code == 2
    assert f"process {process.pid} on " in messages
    assert "wait for it, or give another --out" in messages
    code, preview, _ = command(*same, "--dry-run")
    assert code == 0
    assert "would run 16 cells in" in " ".join(preview.split())
    end(process, signal.SIGINT)
    assert process.returncode == 130
    assert has_state(folder)
    assert "stopped; repeat its command to go on" in status()


@pytest.mark.slow
def test_a_training_goes_on_from_its_checkpoint(undisturbed: Path, again: Callable[..., str], tmp_path: Path) -> None:
    folder = copy(undisturbed, tmp_path, without=("models", "records.parquet"))
    begun = keep_unfinished(folder, "k10-s0", epochs=15)
    again(folder)
    same_as(folder, undisturbed)
    seconds = pd.read_csv(folder / "models" / "k10-s0" / "history.csv")["seconds"].tolist()
    assert seconds[:15] == pytest.approx([stats.seconds for stats in begun])


def copy(run: Path, place: Path, without: tuple[str, ...] = ()) -> Path:
    """Copy a run folder, as a process that did less would have left it."""
    return Path(shutil.copytree(run, place / "run", ignore=shutil.ignore_patterns(*without)))


def test_what_was_judged_before_a_kill_is_not_judged_again(undisturbed: Path, again: Callable[..., str], tmp_path: Path) -> None:
    folder = copy(undisturbed, tmp_path, without=("records.parquet",))
    (folder / "records.parts").mkdir()
    every = pq.read_table(undisturbed / "records.parquet")
    # Times that no cell takes tell old records from new ones.
    times = pa.array([1000.0 + number for number in range(len(every))])
    marked = every.set_column(every.schema.get_field_index("fit_seconds"), every.schema.field("fit_seconds"), times)
    for first, end_ in ((0, 3), (8, 11)):
        pq.write_table(marked.slice(first, end_ - first), folder / "records.parts" / f"{first:08}.parquet")
    again(folder)
    same_as(folder, undisturbed)
    ours = pd.read_parquet(folder / "records.parquet")
    assert [time for time in ours["fit_seconds"] if time >= 1000] == [1000, 1001, 1002, 1008, 1009, 1010]


@pytest.mark.ray
@pytest.mark.slow
def test_workers_that_are_killed_then_their_driver(ray: Ray, undisturbed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(folder, *METHODS, *ray.options)
    wait_for(lambda: has_state(folder) or has_state(folder, "k10-s1"), process)
    killed = ray.workers()
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    # Tune gives them new workers, which go on with them.
    wait_for(lambda: ray.workers("ImplicitFunc.train") - killed, process)
    end(process, signal.SIGKILL)
    assert not (folder / "records.parquet").exists()
    run(folder, *METHODS, *ray.options)
    same_as(folder, undisturbed)


@pytest.mark.ray
@pytest.mark.slow
def test_a_private_cluster_that_dies_is_told_in_one_line_and_leaves_nothing(undisturbed: Path, tmp_path: Path) -> None:
    folder, place = tmp_path / "run", Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    place.chmod(0o755)
    try:
        for name in ("gcs_server", "raylet"):
            process = start(folder, *METHODS, RAY_TMPDIR=str(place))
            wait_for(lambda: has_state(folder) or has_state(folder, "k10-s1"), process)
            (own,) = place.iterdir()
            assert own.stat().st_mode & 0o777 == 0o700
            victim = next(pid for pid, (_, title) in processes().items() if f"/{name}" in title and str(own) in title)
            begun = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            _, messages = finish(process, expected_code=3)
            assert time.monotonic() - begun < 15
            last, *others = reversed(besides_progress(messages))
            assert last == (
                "gmvae-bench: a process of the Ray cluster died (raylet or GCS); what is done is saved: repeat the same command"
            )
            assert others == []
            assert list(place.iterdir()) == []
            assert not [title for _, title in processes().values() if str(own) in title]
            # The next one is to train for a while, too.
            for path in (folder / "checkpoints").glob("k10-*/training.safetensors"):
                path.unlink()
        run(folder, *METHODS, RAY_TMPDIR=str(place))
        same_as(folder, undisturbed)
        assert list(place.iterdir()) == []
    finally:
        shutil.rmtree(place)


@pytest.mark.slow
def test_broken_files_are_noticed_and_made_again(undisturbed: Path, again: Callable[..., str], tmp_path: Path) -> None:
    folder = copy(undisturbed, tmp_path, without=("k10-s1", "records.parquet"))
    keep_unfinished(folder, "k10-s1", epochs=1)
    state = folder / "checkpoints" / "k10-s1" / "training.safetensors"
    posterior = folder / "models" / "k10-s0" / "posterior.safetensors"
    part = folder / "records.parts" / "00000000.parquet"
    part.parent.mkdir()
    shutil.copy(undisturbed / "records.parquet", part)
    for path in (state, posterior, part):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    messages = again(folder)
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
    # Lazily: a table that was read may still be mapped.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk(undisturbed: Path, small_disk: Path, again: Callable[..., str]) -> None:
    folder = small_disk / "run"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400 * 1024))
    messages = again(folder, 2)
    assert "No space left on device" in messages
    assert "free space" in messages
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again(folder)
    same_as(folder, undisturbed)


def test_a_read_only_disk(undisturbed: Path, small_disk: Path, again: Callable[..., str], command: Command) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    folder = small_disk / "run"
    shutil.copytree(undisturbed, folder)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    messages = again(folder, 2)
    assert besides_progress(messages)[0].startswith(f"gmvae-bench: cannot write to {folder}: Read-only file system")
    # Reading needs no right to write.
    assert command("status", str(folder))[0] == command("table", str(folder))[0] == 0


def test_data_that_changed_since_are_refused(command: Command, tmp_path: Path) -> None:
    data, folder = tmp_path / "own.npz", tmp_path / "run"
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 6)).astype(np.float32), rng.integers(0, 2, 200)
    np.savez(data, x=x, y=y)
    same = [*RUN, "--data", str(data), "--methods", "knn", "--executor", "serial", "--out", str(folder)]
    assert command(*same)[0] == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    np.savez(data, x=x + np.float32(1e-3), y=y)
    code, _, messages = command(*same)
    assert code == 2
    assert "belongs to a different configuration (dataset_sha256:" in messages
    assert {path: path.read_bytes() for path in before} == before
