"""The page that watches a run: what it is told, who may ask, and what a browser shows while a run goes on."""

import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browsers import axe_violations
from runs import run
from selenium.webdriver.support.wait import WebDriverWait

from bench.cli.watching import make_server
from bench.errors import SettingsError
from bench.reading.watch import Watched
from bench.store.lock import locked
from bench.store.progress import Progress, TrainingProgress, write_progress

Command = Callable[..., tuple[int, str, str]]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with make_server(Watched(folder), 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_a_finished_run_is_told_as_it_is(run_folder: Path) -> None:
    state = Watched(run_folder).state()
    assert (state["state"], state["running"], state["left"]) == ("complete", False, "")
    assert state["cells"] == {"done": 126, "running": 0, "failed": 0, "missing": 0}
    assert sum(method["done"] for method in state["methods"]) == 126
    assert {training["state"] for training in state["trainings"]} == {"trained"}
    assert state["figure"]["svg"].startswith("<svg ")
    # JSON has it all.
    assert json.loads(json.dumps(state)) is not None


def test_a_running_one_has_curves_and_the_time_left(run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    for model in (copy / "models").iterdir():
        shutil.rmtree(model)
    watched = Watched(copy)
    assert watched.state()["state"] == "complete"
    curve = [(1, -3.5, 10), (2, -4.5, 12)]
    with locked(copy):
        training = TrainingProgress("training", 10, 2, 8.0, curve)
        write_progress(copy, Progress(trainings={"k20-s0": training}, seconds_left=75.0))
        state = watched.state()
    assert state["running"]
    assert state["left"] == "about 1 min 15 s left"
    shown = next(training for training in state["trainings"] if training["id"] == "k20-s0")
    assert (shown["epoch"], shown["epochs"], shown["left"]) == (2, 10, "32 s")
    assert [tuple(point) for point in shown["curve"]] == curve


def test_only_this_machine_is_answered(run_folder: Path) -> None:
    with served(run_folder) as url:
        page = urllib.request.urlopen(url, timeout=30)  # noqa: S310
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert json.load(urllib.request.urlopen(f"{url}/state.json", timeout=30))["cells"]["done"] == 126  # noqa: S310
        stranger = urllib.request.Request(f"{url}/state.json", headers={"Host": "example.org:80"})  # noqa: S310
        for asked, status in ((stranger, 403), (f"{url}/config.json", 404), (f"{url}/../config.json", 404)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked, timeout=30)  # noqa: S310
            assert refused.value.code == status
            refused.value.close()
        with pytest.raises(SettingsError, match="--port"):
            make_server(Watched(run_folder), int(url.rpartition(":")[2]))


def test_what_is_no_run_is_refused(command: Command, tmp_path: Path) -> None:
    code, _, err = command("watch", str(tmp_path))
    assert (code, "is not the folder of a run" in err) == (2, True)


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_follows_a_run_to_its_end(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = (
        "run", "--executor", "serial", "--components", "20", "--model-seeds", "0-1", "--epochs", "250", "--label-seeds", "2",
        "--budgets", "20,60", "--methods", "soft,hard,knn", "--out", str(folder),
    )  # fmt: skip
    done: list[Any] = []
    worker = threading.Thread(target=lambda: done.append(run(*options)))
    worker.start()
    WebDriverWait(browser, 60).until(lambda _: (folder / "dataset.json").is_file() and (folder / "config.json").is_file())
    with served(folder) as url:
        browser.get(url)
        text = "return document.body.innerText"
        WebDriverWait(browser, 60).until(lambda driver: "running since" in driver.execute_script(text))
        WebDriverWait(browser, 60).until(lambda driver: driver.find_elements("css selector", "#curves polyline"))
        assert "of 250" in browser.find_element("id", "curves").text
        WebDriverWait(browser, 120).until(lambda driver: "complete" in driver.find_element("id", "state").text)
        worker.join(60)
        assert "20 of 20 cells judged" in browser.find_element("id", "cells").text
        WebDriverWait(browser, 30).until(lambda driver: driver.find_elements("css selector", "#figure svg[role=img]"))
        assert axe_violations(browser) == []
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
