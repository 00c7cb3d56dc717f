"""Finished runs to read: one whose records and models are made, an export of it, and a real one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from finished import SETTINGS_OF_RUN, finish

from bench.cli import main
from bench.reading.export import export
from bench.reading.open_run import OpenRun


def call(*arguments: str) -> None:
    """Run a command in this process; it must end well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gmvae-bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
    assert not ended.value.code


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture(scope="session")
def exported(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "digits"
    export(OpenRun(run_folder), folder)
    return folder


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, trained and judged."""
    folder = tmp_path_factory.mktemp("real") / "run"
    options = [word for name, value in SETTINGS_OF_RUN.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    call("run", *options, "--out", str(folder))
    return folder


@pytest.fixture(scope="session")
def page(real_run: Path) -> Path:
    call("report", str(real_run))
    return real_run / "report.html"


Command = Callable[..., tuple[int, str, str]]
