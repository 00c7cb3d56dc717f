"""Finished runs to read: one whose records and models are made, an export of it, and a real one."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A real headless Chromium that logs what it says and asks for."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its driver here")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=400,900",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()
