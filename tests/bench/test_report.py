"""A run on one page, and what a real browser makes of it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_the_page_holds_everything_and_asks_for_nothing(page: Path) -> None:
    html = page.read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    assert "http" not in re.sub(r"base64,[^\"]*", "", html)
    assert html.count("<img ") == 10
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in re.findall(r"<img [^>]*>", html))
    # An interval stands below its mean.
    assert re.search(r">\d+\.\d<br>\d+\.\d-\d", html)
    for text in ("The paper&#39;s claims", "With 60 of 1,797 labels", "All 126 cells finished", "encoder_layers", "sha256"):
        assert text in html


def test_a_page_of_a_part_judges_the_claims_on_the_whole(
    command: Command, run_folder: Path, exported: Path, page: Path, tmp_path: Path
) -> None:
    path = tmp_path / "part.html"
    # Of an export: it has fewer figures, and is drawn in less time.
    chosen = ("--components", "10", "--methods", "soft,hard", "--budgets", "20,60", "--out", str(path))
    assert command("report", str(exported), *chosen)[0] == 0
    part, whole = path.read_text(), page.read_text()
    for text in ("Shown are 24 of the run&#39;s 126 records; the claims are judged on all", "All 126 cells finished"):
        assert text in part
    assert "soft decoding of 10 clusters" in part
    assert "soft decoding of 20 clusters" in whole
    claims, table = (
        [re.findall(rf'<section id="{name}".*?</section>', page, re.DOTALL)[0] for page in (part, whole)]
        for name in ("claims", "scores")
    )
    assert claims[0] == claims[1]
    table = table[0]
    assert "soft" in table
    assert "knn" not in table
    assert not re.search(r"K\s*=\s*20", table)


def test_what_users_wrote_is_shown_and_never_run(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = np.array(["<script>alert(1)</script>", "b&b"])[np.arange(120) % 2]
    names[::5] = ""
    np.savez(tmp_path / "own.npz", x=rng.random((120, 6)).astype(np.float32), y=names)
    folder = tmp_path / "run"
    code, *_ = command(
        "run", "--data", str(tmp_path / "own.npz"), "--executor", "serial", "--components", "4", "--epochs", "2",
        "--model-seeds", "0", "--label-seeds", "1", "--budgets", "20", "--methods", "soft,hard", "--out", str(folder),
    )  # fmt: skip
    assert code == 0
    code, *_ = command("report", str(folder))
    assert code == 0
    html = (folder / "report.html").read_text()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    # Labels can only be drawn from the 96 items that have one.
    assert "without replacement from 96;" in html


def test_an_unfinished_run_says_so(command: Command, exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(exported, copy)
    records = pd.read_parquet(copy / "records.parquet")
    records.loc[records.index[0], ["status", "error", "accuracy"]] = ["failed", "ValueError: broken", None]
    records.iloc[:-7].to_parquet(copy / "records.parquet")
    assert command("report", str(copy))[0] == 0
    html = (copy / "report.html").read_text()
    assert "7 of 126 cells are not there yet" in html
    assert "1 cell: ValueError: broken" in html


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_finds_nothing_wrong_and_sorts(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    assert browser.get_log("browser") == []
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {event["params"]["request"]["url"][:5] for event in asked if event["method"] == "Network.requestWillBeSent"}
    # The browser's own first page has an address of its own.
    assert urls <= {"file:", "data:", "chrom"}
    # A phone's width: the page itself never scrolls sideways, wide tables do so inside.
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    cells = "return [...document.querySelectorAll('#scores tbody tr')].map(row => parseFloat(row.cells[1].innerText))"
    button = browser.find_elements("css selector", "#scores th button")[1]
    before = browser.execute_script(cells)
    browser.execute_script("arguments[0].focus()", button)
    button.send_keys("\ue007")  # Enter
    assert browser.execute_script(cells) == sorted(before, reverse=True)
    button.send_keys("\ue007")
    assert browser.execute_script(cells) == sorted(before)
    assert browser.execute_script("return [...document.images].every(image => image.complete || image.loading === 'lazy')")
