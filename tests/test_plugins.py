"""A package of its own adds a method, a sampler and a data set; and what is said of packages that get it wrong."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pandas as pd
import pytest
from runs import GMVAE_BENCH, besides_progress

from bench import plugins
from bench.errors import SettingsError
from bench.judge.methods import ENTRY_POINTS, METHODS, Method, all_methods
from bench.plugins import BUILT_IN, origin_of, with_plugins

PACKAGE = Path(__file__).parent / "plugin"
CHECKS = """
from pathlib import Path
from bench.testing.conformance import check_dataset, check_method, check_sampler
from gmvae_bench_example import BRIGHTEST, NEAREST_MEAN, WINE
check_method(NEAREST_MEAN)
check_sampler(BRIGHTEST)
check_dataset(WINE, Path("."))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of processes that have the package installed beside this one."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for path in PACKAGE.glob("*.*"):
        (source / path.name).write_bytes(path.read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(place), str(source)], check=True)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])}


@pytest.mark.ray
@pytest.mark.slow
def test_a_package_takes_part_by_name(
    installed: dict[str, str], command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    listed = subprocess.run(
        [*GMVAE_BENCH, "methods"], capture_output=True, text=True, env=installed | {"COLUMNS": "160"}, check=True
    )
    rows = {line.split()[0]: line for line in listed.stdout.splitlines() if line.strip()}
    assert "gmvae-bench-example 1.2" in rows["nearest-mean"]
    assert "gmvae-bench-example 1.2" in rows["brightest"]
    assert "built in" in rows["soft"]
    options = ["--data", "cultivars", "--methods", "nearest-mean,soft", "--samplers", "random,brightest", "--components", "6"]
    options += ["--model-seeds", "0", "--label-seeds", "1", "--budgets", "10,20", "--epochs", "5", "--out", str(tmp_path / "run")]
    # On a private Ray, as by default: its workers find the package too.
    done = subprocess.run([*GMVAE_BENCH, "run", *options], capture_output=True, text=True, env=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    # Quiet where the output is no terminal: nothing from Ray.
    assert besides_progress(done.stderr) == []
    frame = pd.read_parquet(tmp_path / "run" / "records.parquet")
    assert set(zip(frame["method"], frame["sampler"], strict=True)) == {
        (method, sampler) for method in ("nearest-mean", "soft") for sampler in ("random", "brightest")
    }
    assert (frame["status"] == "ok").all()
    # Without the package the run can still be read.
    code, table, _ = command("table", str(tmp_path / "run"))
    assert code == 0
    assert "nearest-mean @brightest" in table
    listed = subprocess.run([*GMVAE_BENCH, "datasets"], capture_output=True, text=True, env=installed, check=True)
    assert "three cultivars of wine" in listed.stdout


@pytest.mark.slow
def test_its_author_can_run_the_conformance_suite(installed: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", CHECKS], capture_output=True, text=True, env=installed)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def offering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes entry points, given as name and value, be found."""
    plugins.plugins.cache_clear()

    def offer(*points: tuple[str, str]) -> None:
        found = [EntryPoint(name, value, ENTRY_POINTS) for name, value in points]
        monkeypatch.setattr(plugins, "entry_points", lambda group: found if group == ENTRY_POINTS else [])

    yield offer
    plugins.plugins.cache_clear()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([("soft", "bench.judge.methods:METHODS")], "offers 'soft' under gmvae_bench.methods, which is built in"),
        ([("mine", "bench.judge.methods:METHODS")], "offers 'mine' under gmvae_bench.methods as dict; expected Method"),
        ([("mine", "no_such_module:X")], "the plug-in 'mine' of no_such_module:X cannot be loaded .ModuleNotFoundError"),
        ([("mine", "runs:RUN"), ("mine", "runs:FAULTY")], "both offer 'mine' under gmvae_bench.methods"),
    ],
)
def test_packages_that_get_it_wrong_are_named(offering: Callable[..., None], points: list[tuple[str, str]], message: str) -> None:
    offering(*points)
    with pytest.raises(SettingsError, match=message):
        with_plugins(METHODS, ENTRY_POINTS, Method)


def test_where_a_name_comes_from(offering: Callable[..., None]) -> None:
    offering()
    assert all_methods() == METHODS
    assert origin_of("soft", ENTRY_POINTS) == BUILT_IN
