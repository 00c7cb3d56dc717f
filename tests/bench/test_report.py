"""A run on one page, and what a real browser makes of it."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browsers import axe_violations
from selenium.webdriver.support.wait import WebDriverWait

from bench.plan.selection import ORACLE_MARK
from bench.reading.answer import sentences
from bench.reading.figures import FIGURES
from bench.reading.open_run import OpenRun
from bench.show.texts import labels_in_words
from bench.stats.answer import answer
from bench.stats.efficiency import labels_to_target
from bench.stats.seeds import SeedTable, seed_tables

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without figures, which take most of the time."""
    monkeypatch.setattr("bench.reading.report.drawings", lambda _: ())


@pytest.mark.slow
def test_the_page_holds_everything_and_asks_for_nothing(page: Path) -> None:
    whole = page.read_text(encoding="utf-8")
    assert len(whole) < 1_000_000
    html = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", whole, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    figures = re.findall(r'<svg [^>]*role="img"[^>]*>', html)
    assert len(figures) == len(FIGURES)
    assert all(re.search(r'aria-label="[^"]{20,}"', figure) for figure in figures)
    # No two things on the page have one name, and what a figure refers to is its own.
    names = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(names)) == len(names)
    referred = {one or other for one, other in re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', html)}
    assert referred
    assert referred <= set(names)
    # An interval stands below its mean.
    assert re.search(r">\d+\.\d<br><small>\d+\.\d-\d", html)
    for text in ("All 126 cells finished", "encoder_layers", "sha256"):
        assert text in html
    # Claims about letters say nothing about digits.
    assert "The paper" not in html


def test_the_answer_comes_from_the_scores(run_folder: Path) -> None:
    run = OpenRun(run_folder)
    tables = seed_tables(run.chief_records, "accuracy")
    found = answer(tables)
    assert found is not None
    means = {table.label: np.mean([table.at(n).mean for n in table.budgets]) for table in tables}
    assert found.best.table.label == max(means, key=means.__getitem__)
    needed = labels_to_target(found.best.table, found.target).n
    assert found.n_labeled == min(found.best.table.budgets, key=lambda n: abs(np.log(n / needed)))
    others = [table.at(found.n_labeled).mean for table in tables if table is not found.best.table]
    assert found.runner_up.at(found.n_labeled).mean == max(others)
    which, how_many, how_sure = sentences(run, found)
    assert which.lead == found.best.table.label
    assert found.best.score.text(100, unit=" %") in which.text
    assert labels_in_words(found.best.labels) in how_many.lead
    low, high = found.single
    assert how_sure.lead == f"{100 * low:.1f} to {100 * high:.1f} %"
    assert "always naming the largest class: 10.2 %" in which.text
    assert "mean over classes" not in which.text
    assert found.runner_up.label in how_sure.text


def _table(method: str, scores: list[float], needs: str = "model", **more: Any) -> SeedTable:
    values = np.array(scores)[:, None, None] + np.array([[[0.0, 0.01], [0.02, 0.03]]])
    return SeedTable(method, None, (10, 40, 160), (0, 1), (0, 1), values, method, needs=needs, **more)


def test_the_answer_without_its_target_without_rivals_and_without_oracles() -> None:
    far = answer([_table("soft", [0.3, 0.4, 0.42]), _table("oracle", [0.9, 0.9, 0.9], marks=ORACLE_MARK)])
    assert (far.best.table.label, far.rival, far.runner_up, far.target, far.n_labeled) == ("soft", None, None, 0.5, 160)
    assert labels_in_words(far.best.labels) == "more than 160 labels"
    near = answer([_table("soft", [0.5, 0.85, 0.88]), _table("knn", [0.4, 0.5, 0.6], "nothing")])
    assert (near.target, near.n_labeled, near.rival.table.label, near.asked) == (0.8, 40, "knn", 0.9)
    assert near.lead.mean == pytest.approx(0.35)
    assert answer([]) is None


@pytest.mark.usefixtures("undrawn")
def test_the_claims_stand_only_on_a_page_about_the_letters(command: Command, exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert command("report", str(exported), "--out", str(path))[0] == 0
    assert 'id="claims"' not in path.read_text()
    assert command("report", str(REFERENCE), "--out", str(path), "--components", "100", "--methods", "soft,hard")[0] == 0
    html = path.read_text()
    assert "with 73 labels soft beats hard by 18 points" in html
    assert "the claims are judged on all of them" in html


@pytest.mark.usefixtures("undrawn")
def test_a_page_of_a_part(command: Command, exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "part.html"
    # Of an export: it has fewer figures, and is drawn in less time.
    chosen = ("--components", "10", "--methods", "soft,hard", "--budgets", "20,60", "--out", str(path))
    assert command("report", str(exported), *chosen)[0] == 0
    part = path.read_text()
    for text in ("Shown are 24 of the run&#39;s 126 records.", "All 126 cells finished", "10 classes, K = 10"):
        assert text in part
    table = re.findall(r'<section id="scores".*?</section>', part, re.DOTALL)[0]
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


@pytest.mark.usefixtures("undrawn")
def test_an_unfinished_run_says_so(command: Command, exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(exported, copy)
    records = pd.read_parquet(copy / "records.parquet")
    records.loc[records.index[0], ["status", "error", "accuracy"]] = ["failed", "ValueError: broken", None]
    records.iloc[:-7].to_parquet(copy / "records.parquet")
    assert command("report", str(copy))[0] == 0
    html = (copy / "report.html").read_text()
    assert "7 of 126 cells that were asked for are not there; this export cannot be continued" in html
    assert "1 cell: ValueError: broken" in html


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    browser.get(page.as_uri())
    return browser


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_finds_nothing_wrong_and_asks_for_nothing(opened: Any) -> None:
    assert opened.get_log("browser") == []
    asked = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    urls = {event["params"]["request"]["url"][:5] for event in asked if event["method"] == "Network.requestWillBeSent"}
    # The browser's own first page has an address of its own.
    assert urls <= {"file:", "data:", "chrom"}
    # The figure that answers is on the first two screens, and the page is short until something is opened.
    top, height = opened.execute_script(
        "return [document.querySelector('figure').getBoundingClientRect().top, document.documentElement.scrollHeight]"
    )
    assert top < 1_000
    assert height < 3_500


@pytest.mark.slow
@pytest.mark.browser
def test_tables_sort_filter_and_hide_columns_from_the_keyboard(opened: Any) -> None:
    opened.execute_script("document.querySelector('#part-methods').open = true")
    cells = "return [...document.querySelectorAll('#scores tbody tr')].map(row => parseFloat(row.cells[1].innerText))"
    before = opened.execute_script(cells)
    button = opened.find_elements("css selector", "#scores th .dt-column-order")[1]
    for key, expected in ((" ", sorted(before, reverse=True)), ("\ue007", sorted(before))):
        opened.execute_script("arguments[0].focus()", button)
        button.send_keys(key)
        WebDriverWait(opened, 5).until(lambda driver, expected=expected: driver.execute_script(cells) == expected)
    opened.find_element("css selector", "#scores input[type=search]").send_keys("knn")
    WebDriverWait(opened, 5).until(lambda driver: len(driver.execute_script(cells)) == 1)
    assert "1 of" in opened.find_element("css selector", "#scores [role=status]").text
    menu = opened.find_element("css selector", "#scores .bar summary")
    menu.send_keys("\ue007")
    opened.find_elements("css selector", "#scores fieldset input")[0].send_keys(" ")
    headers = "return document.querySelectorAll('#scores thead th').length"
    WebDriverWait(opened, 5).until(lambda driver: driver.execute_script(headers) == 3)
    menu.send_keys("\ue00c")
    assert not opened.execute_script("return document.querySelector('#scores .bar details').open")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_everybody_can_read_the_page(opened: Any, scheme: str, width: int) -> None:
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert axe_violations(opened) == []
    opened.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    # Colours of what is clipped cannot be judged: nothing is.
    opened.execute_script(
        "document.head.insertAdjacentHTML('beforeend', "
        "'<style>.scroll { max-height: none !important } th { position: static !important }</style>')"
    )
    assert axe_violations(opened) == []
    # The page itself never scrolls sideways, wide tables do so inside.
    assert opened.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    # Lines and words of figures follow the scheme.
    ink = "return getComputedStyle(document.querySelector('.chief svg text')).fill"
    assert (opened.execute_script(ink) == "rgb(27, 27, 27)") == (scheme == "light")


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_prints_on_six_sheets_with_nothing_cut(opened: Any) -> None:
    printed = opened.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    sheets = len(re.findall(rb"/Type /Page\b", base64.b64decode(printed["data"])))
    assert 2 <= sheets <= 6
    # As wide as the paper between its margins, at 96 pixels an inch.
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    metrics = {"width": 703, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wide = opened.execute_script(
        "return [...document.querySelectorAll('table, figure svg')].filter(one => one.getBoundingClientRect().right > 703)"
        ".map(one => one.id || one.outerHTML.slice(0, 80))"
    )
    assert wide == []
