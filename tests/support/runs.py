"""Starting, stopping and comparing small runs of the command, for tests of what may happen to one."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from bench.data.registry import load_dataset
from bench.engine.steps import threads
from bench.plan.settings import RunSettings
from bench.run import make_plan
from bench.store.models import keep_state
from bench.store.storage import Storage
from gmvae.training import EpochStats, Trainer

GMVAE_BENCH = [sys.executable, "-m", "bench.cli.main"]
FAULTY = [sys.executable, str(Path(__file__).parent / "faulty.py")]
EPOCHS = 80
RUN = [
    "run", "--components", "10", "--model-seeds", "0,1", "--label-seeds", "2", "--budgets", "25,50", "--epochs", str(EPOCHS),
    "--batch-size", "512", "--encoder-layers", "32", "--decoder-layers", "32", "--latent-dim", "4", "--checkpoint-seconds", "0",
]  # fmt: skip
METHODS = ["--methods", "soft,hard,knn"]
MEASURED = ["fit_seconds", "predict_seconds", "cpu_seconds", "view_cpu_seconds", "peak_bytes", "host"]
# Three times as long, for a fixture, a moment to wait for and the end, is less than what pytest gives a test.
_PATIENCE_SECONDS = 300
# On two cores that other tests share a living node may be slow to answer.
PATIENT = {"RAY_health_check_timeout_ms": "60000", "RAY_agent_register_timeout_ms": "120000"}
# Trainings on the session's Ray may keep checkpoints in a store that wants keys.
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "very-secret-key"}
# A process that is aborted says where its threads are.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | {"PYTHONFAULTHANDLER": "1"}

RAY_ENVIRONMENT = ENVIRONMENT | PATIENT | KEYS


@dataclass(frozen=True)
class Ray:
    """A cluster of one node with two CPUs."""

    pid: int
    """Its processes are below this one."""
    address: str

    @property
    def options(self) -> list[str]:
        """What a command is given to use it."""
        return ["--address", self.address]

    def workers(self, name: str = "ImplicitFunc") -> set[int]:
        """Processes that carry out a task or actor of this name; by default trainings and trials."""
        return set(descendants(self.pid, f"ray::{name}"))


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
    """End a process that hangs, and return all that tells where: its own words and stacks first, for reports are cut short."""
    running = [f"{pid} {title[:100]}" for pid, (_, title) in processes().items() if "ray" in title]
    arguments = list(map(str, process.args)) if isinstance(process.args, list) else []
    folder = Path(arguments[arguments.index("--out") + 1]) if "--out" in arguments else Path("nowhere")
    files = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    files += [path.read_text() for path in folder.glob("progress.json")]
    os.kill(process.pid, signal.SIGABRT)
    try:
        said = list(reversed(process.communicate(timeout=30)))
    except subprocess.TimeoutExpired:
        said = ["something else holds its output"]
    return "\n".join([*said, *files, *running])


def run(folder: Path, *options: str, expected_code: int = 0, **environment: str) -> tuple[str, str]:
    return finish(start(folder, *options, **environment), expected_code)


def besides_progress(messages: str) -> list[str]:
    """Return the lines of standard error that are no progress: neither what starts, nor what goes on, nor how far it is."""
    starts, goes_on = r"loading torch .*|starting (Ray|workers) .*|joining the Ray .*", r"goes on: .*|k\d+-s\d+ goes on from .*"
    progress = re.compile(rf"{starts}|{goes_on}|.* items, .* labels: [\d,]+ cells?|\d+ (s|min|h)\b.*: .*")
    return [line for line in messages.splitlines() if line and not progress.fullmatch(line)]


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal. What the process started may live a little longer, and hold its output."""
    os.kill(process.pid, number)
    process.wait(timeout=60)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def records(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "records.parquet").drop(columns=MEASURED)


def until(found: Callable[[], object], otherwise: Callable[[], str]) -> None:
    """Wait for something. Long: where other things run too, Ray and its workers take their time to start."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not found():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {_PATIENCE_SECONDS} seconds\n{otherwise()}", pytrace=False)
        time.sleep(0.05)


def wait_for(found: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for something that a process does."""

    def there() -> object:
        return found() or (process.poll() is not None and pytest.fail(str(process.communicate()), pytrace=False))

    until(there, lambda: abort(process))


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


def keep_unfinished(folder: Path, key: str, epochs: int, storage: str | None = None) -> list[EpochStats]:
    """Leave what a training of a run keeps when it ends after so many epochs; return what it has told of them."""
    settings = RunSettings.model_validate(json.loads((folder / "config.json").read_text())["settings"])
    plan = make_plan(settings, load_dataset(settings.data, None))
    (job,) = (job for job in plan.trainings() if job.key.id == key)
    trainer = Trainer(plan.dataset.pool, job.model, job.training, model_seed=job.key.model_seed, device="cpu")
    with threads(1):
        told = [trainer.run_epoch() for _ in range(epochs)]
    keep_state(Storage(storage or str(folder / "checkpoints")), job.key, trainer.state(), job.model, job.training)
    return told


def same_as(folder: Path, undisturbed: Path) -> None:
    """Assert that a run ended as the undisturbed one did."""
    pd.testing.assert_frame_equal(records(folder), records(undisturbed))
    for key in ("k10-s0", "k10-s1"):
        ours, theirs = (place / "models" / key / "weights.safetensors" for place in (folder, undisturbed))
        assert ours.read_bytes() == theirs.read_bytes()
        assert pd.read_csv(ours.parent / "history.csv")["epoch"].tolist() == list(range(1, EPOCHS + 1))
    left = {path.name for path in folder.iterdir()}
    expected = {".lock", "config.json", "dataset.json", "environment.json", "models", "records.parquet"}
    assert left == expected, sorted(left ^ expected)
