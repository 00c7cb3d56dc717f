"""Shapes and types are checked while tests run, and nothing a test does reaches the user's home."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import install_import_hook
from xdist.scheduler import LoadScopeScheduling

# Must come before the packages are imported, so that their annotations are checked. Left out are modules whose classes return
# `Self`, which beartype cannot read in methods that are decorated one by one.
_CHECKED = (
    *(
        f"gmvae.{name}"
        for name in (
            *("augmentation", "averaging", "consistency", "losses", "model", "networks", "objectives"),
            *("posteriors", "reseeding", "start", "sums"),
        )
    ),
    "gmvae.training",
    "baselines.representation",
    "bench.judge.metrics",
    "bench.plan.samplers",
)
_hook = install_import_hook(_CHECKED, "beartype.beartype")

os.environ["OMP_NUM_THREADS"] = "1"

from runs import METHODS, RAY_ENVIRONMENT, Ray, processes, run, until  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

from bench.cli import main  # noqa: E402
from bench.data.dataset import Dataset  # noqa: E402

UNPACK = Path(__file__).parents[2] / "shared" / "data" / "unpack"


# Files whose tests take turns on the session's Ray: one process runs all of them.
_ON_RAY = ("test_search_faults.py", "test_end_to_end.py", "test_faults.py")
# Begun first, so that the other files fill the time beside them.
_LONG = (
    *(*_ON_RAY, "test_hosts.py", "test_cluster.py", "test_faulty_cells.py"),
    *("test_search.py", "test_report.py", "test_citizens.py"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))
    for item in items:
        if "ray" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.slow)


class _ByFile(LoadScopeScheduling):
    """Gives each process whole files: their tests share what is dear to make."""

    def _split_scope(self, nodeid: str) -> str:
        name = Path(nodeid.partition("::")[0]).name
        return _ON_RAY[0] if name in _ON_RAY else name


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Distribute files, in the order above, unless `--dist` asks for something else."""
    if config.getvalue("dist") != "load":
        return None
    config.option.loadscopereorder = False
    return _ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the session's Ray. It would end with this process anyway, a little later."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    place = session.config._tmp_path_factory.getbasetemp() / "ray.json"
    if place.exists():
        pid = json.loads(place.read_text())[0]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while pid in processes() and time.monotonic() < deadline:
            time.sleep(0.1)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """The command line, in this process: takes arguments, returns exit code, output and messages."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gmvae-bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """400 digits in [0, 1], and their classes."""
    x, y = load_digits(return_X_y=True)
    return (x[:400] / 16).astype(np.float32), y[:400].astype(np.int64)


@pytest.fixture(scope="session")
def small_dataset(digits: tuple[np.ndarray, np.ndarray]) -> Dataset:
    x, y = digits
    return Dataset("small", x[:300], y[:300], tuple("0123456789"), (8, 8), test=x[300:], test_labels=y[300:])


@pytest.fixture(scope="session")
def letters_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real EMNIST letters in torchvision's layout; tests that need them are skipped where they are absent."""
    given = os.environ.get("GMVAE_BENCH_LETTERS")
    if given:
        return Path(given)
    if not UNPACK.exists():
        pytest.skip("no EMNIST letters here; name their folder in GMVAE_BENCH_LETTERS")
    folder = tmp_path_factory.mktemp("letters")
    subprocess.run([str(UNPACK), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the session's, the same in all test processes."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One test process at a time."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def run_once(shared: Path) -> Path:
    """The folder of a run; all test processes share one."""
    folder = shared / "undisturbed"
    with alone(shared / "undisturbed.lock"):
        if not (folder / "records.parquet").exists():
            run(folder, *METHODS, "--executor", "serial")
    return folder


@pytest.fixture
def undisturbed(run_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test's own copy of a run to which nothing happened; `runs.same_as` compares others with it. Labelling writes into it."""
    return Path(shutil.copytree(run_once, tmp_path_factory.mktemp("undisturbed") / "undisturbed"))


@pytest.fixture(scope="session")
def one_ray(shared: Path) -> Ray:
    """The Ray of the session, which all test processes share."""
    place, log = shared / "ray.json", shared / "ray.log"
    with alone(shared / "ray.lock"):
        if not place.exists():
            session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
            command = [sys.executable, str(Path(__file__).parent / "support" / "nodes.py"), str(session), str(place)]
            with log.open("w") as file:
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=RAY_ENVIRONMENT, check=True)
        until(place.exists, lambda: log.read_text())
    return Ray(*json.loads(place.read_text()))


@pytest.fixture
def ray(one_ray: Ray, shared: Path) -> Iterator[Ray]:
    """The Ray of the session, for one test alone: nothing of another test runs there."""
    with alone(shared / "ray in use.lock"):
        # Ray takes half a minute to notice that the driver of an earlier test was killed.
        for pid in one_ray.workers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not one_ray.workers(), lambda: str(one_ray.workers()))
        yield one_ray
