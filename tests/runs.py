"""Starting, stopping and comparing small runs of the command, for tests of what may happen to one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

GMVAE_BENCH = [sys.executable, "-m", "bench.cli.main"]
FAULTY = [sys.executable, str(Path(__file__).parent / "faulty.py")]
RUN = [
    "run", "--components", "10", "--model-seeds", "0,1", "--label-seeds", "2", "--budgets", "25,50", "--epochs", "80",
    "--encoder-layers", "32", "--decoder-layers", "32", "--latent-dim", "4", "--checkpoint-seconds", "0",
]  # fmt: skip
METHODS = ["--methods", "soft,hard,knn"]
MEASURED = ["fit_seconds", "predict_seconds", "cpu_seconds", "view_cpu_seconds", "peak_bytes", "host"]
# Three times as long, for a fixture, a moment to wait for and the end, is less than what pytest gives a test.
_PATIENCE_SECONDS = 180
# A process that is aborted says where its threads are.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | {"PYTHONFAULTHANDLER": "1"}


def start(folder: Path, *options: str, command: list[str] = GMVAE_BENCH, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, *RUN, "--out", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | environment,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], expected_code: int = 0) -> tuple[str, str]:
    try:
        output, messages = process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.fail(f"not at its end after {_PATIENCE_SECONDS} seconds\n{abort(process)}", pytrace=False)
    assert process.returncode == expected_code, output + messages
    assert "Traceback" not in output + messages
    return output, messages


def abort(process: subprocess.Popen[str]) -> str:
    """End a process that hangs, and return all that tells where."""
    found = [f"{pid} {title}" for pid, (_, title) in processes().items() if "ray" in title]
    arguments = list(map(str, process.args)) if isinstance(process.args, list) else []
    folder = Path(arguments[arguments.index("--out") + 1]) if "--out" in arguments else Path("nowhere")
    found += [str(path.relative_to(folder)) for path in folder.rglob("*")]
    found += [path.read_text() for path in folder.glob("progress.json")]
    os.kill(process.pid, signal.SIGABRT)
    try:
        found += process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        found.append("something else holds its output")
    return "\n".join(found)


def run(folder: Path, *options: str, expected_code: int = 0, **environment: str) -> tuple[str, str]:
    return finish(start(folder, *options, **environment), expected_code)


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal. What the process started may live a little longer, and hold its output."""
    os.kill(process.pid, number)
    process.wait(timeout=60)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def records(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "records.parquet").drop(columns=MEASURED)


def wait_for(found: Callable[[], object], process: subprocess.Popen[str]) -> None:
    # Long: on a machine that does other things too, Ray and its workers take their time to start.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    pytest.fail(f"waited {_PATIENCE_SECONDS} seconds in vain\n{abort(process)}", pytrace=False)


def processes() -> dict[int, tuple[int, str]]:
    """Parent and title of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat, title = (entry / "stat").read_text(), (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            found[int(entry.name)] = int(stat.rpartition(")")[2].split()[1]), title
    return found


def descendants(pid: int, title: str) -> list[int]:
    """Processes below a process whose title begins so."""
    found = processes()

    def below(one: int) -> bool:
        while one > 1:
            if one == pid:
                return True
            one = found.get(one, (0, ""))[0]
        return False

    return [one for one, (_, text) in found.items() if text.startswith(title) and below(one)]


def has_state(folder: Path, key: str = "k10-s0") -> bool:
    return any(folder.glob(f"checkpoints/{key}/training.safetensors"))


def same_as(folder: Path, undisturbed: Path) -> None:
    """Assert that a run ended as the undisturbed one did."""
    pd.testing.assert_frame_equal(records(folder), records(undisturbed))
    for key in ("k10-s0", "k10-s1"):
        ours, theirs = (place / "models" / key / "weights.safetensors" for place in (folder, undisturbed))
        assert ours.read_bytes() == theirs.read_bytes()
        assert pd.read_csv(ours.parent / "history.csv")["epoch"].tolist() == list(range(1, 81))
    left = {path.name for path in folder.iterdir()}
    assert left == {".lock", "config.json", "dataset.json", "environment.json", "models", "records.parquet"}
