"""Shapes and types are checked while tests run, and nothing a test does reaches the user's home."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import install_import_hook

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

from runs import METHODS, run  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

from bench.cli import main  # noqa: E402
from bench.data.dataset import Dataset  # noqa: E402

UNPACK = Path(__file__).parents[2] / "shared" / "data" / "unpack"


# Files whose tests wait for Ray and processes: begun first, so that the other files fill the time beside them.
_LONG = (
    *("test_faults.py", "test_cluster.py", "test_search_faults.py", "test_faulty_cells.py"),
    *("test_end_to_end.py", "test_cli.py", "test_search.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


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
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run to which nothing happened; `runs.same_as` compares others with it. All test processes share one."""
    folder = tmp_path_factory.getbasetemp().parent / "undisturbed"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "records.parquet").exists():
            run(folder, *METHODS, "--executor", "serial")
    return folder
