"""The page to label in: what is on it, and what a real browser does with it."""

import csv
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.data.dataset import Dataset
from bench.data.describing import described_row
from bench.data.registry import load_dataset
from bench.labelling.given import GivenLabels, read_given
from bench.labelling.page import Asked, labelling_page
from bench.labelling.workplace import Workplace
from bench.plan.cells import ModelKey
from gmvae.posteriors import Encoded

N = 30


def workplace(dataset: Dataset, folder: Path = Path()) -> Workplace:
    rng = np.random.default_rng(0)
    n = len(dataset.pool)
    posterior = np.eye(3, dtype=np.float32)[np.arange(n) % 3]
    return Workplace(folder, dataset, ModelKey(3, 0), (Encoded(posterior, rng.normal(size=(n, 2)).astype(np.float32)), None))


def pictures(n: int = N, names: tuple[str, ...] = ("cat", "dog", "7")) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset("pets", rng.integers(0, 256, (n, 16)).astype(np.uint8), np.full(n, -1), names, (4, 4))


def asked(items: range) -> list[Asked]:
    return [Asked(item, "coverage" if item % 2 else "random", f"covers {item}") for item in items]


def data_of(page: str) -> Any:
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def test_it_holds_each_picture_once_with_what_lies_nearest_and_why_it_is_asked_for() -> None:
    place = workplace(pictures())
    data = data_of(labelling_page(place, asked(range(6)), "pets"))
    assert data["classes"] == ["cat", "dog", "7"]
    latent = place.encoded[0].latent
    for number, one in enumerate(data["items"], start=1):
        assert (one["number"], one["cluster"], one["size"]) == (number, one["item"] % 3, 10)
        assert one["reason"] == f"covers {one['item']}"
        apart = np.linalg.norm(latent - latent[one["item"]], axis=1)
        assert [other["item"] for other in one["near"]] == np.argsort(apart)[1:6].tolist()
    shown = {other["item"] for one in data["items"] for other in (one, *one["near"])}
    assert len(data["pictures"]) == len(shown)


def test_labels_from_before_stand_beside_the_items() -> None:
    given = GivenLabels(np.array([10, 11]), np.array([0, 1]), ("cat", "dog", "7"))
    data = data_of(labelling_page(workplace(pictures()), asked(range(9)), "pets", given))
    assert data["known"] == [
        {"item": 10, "id": "", "sampler": "", "cluster": 1, "label": "cat"},
        {"item": 11, "id": "", "sampler": "", "cluster": 2, "label": "dog"},
    ]
    labels = {other["item"]: other.get("label") for one in data["items"] for other in one["near"]}
    assert labels.get(10, "cat") == "cat"
    assert all(label is None for item, label in labels.items() if item not in (10, 11))


def test_the_same_items_are_the_same_page_and_others_another() -> None:
    place = workplace(pictures())
    pages = [data_of(labelling_page(place, asked(range(n)), "pets"))["page"] for n in (5, 5, 6)]
    assert pages[0] == pages[1] != pages[2]


def test_what_users_wrote_is_shown_and_never_run() -> None:
    evil = '</script><script>alert("x")</script>'
    dataset = Dataset("pets", np.zeros((5, 2), np.float32), np.full(5, -1), (evil, "b"), ids=(evil, "1", "2", "3", "4"))
    page = labelling_page(workplace(dataset), [Asked(0, "random", evil)], evil)
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "alert(&#34;x&#34;)" in page
    assert data_of(page)["items"][0]["reason"] == evil


def test_rows_are_shown_as_they_were_written(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "size": [1.5, 2.25, np.nan, 4.0] * 10,
            "color": ["red", "green", "blue", "red"] * 10,
            "two": ["yes", "no"] * 20,
            "when": ["2024-03-01", "2024-03-02", "2024-04-01", "2024-05-01"] * 10,
            "bytes": (1 / (1.001 - np.linspace(0, 1, 40)) ** 2).round(3),
            "stamp": 1.7e15 + np.arange(40)[::-1] * 3,
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(str(tmp_path / "t.csv"))
    for row in (0, 2, 39):
        shown = dict(described_row(dataset.features, dataset.pool[row]))
        assert list(shown) == list(table)
        assert shown["size"] == ("(none)" if row % 4 == 2 else f"{table['size'][row]:g}")
        assert (shown["color"], shown["two"]) == (table["color"][row], table["two"][row])
        assert shown["when"] == f"{table['when'][row]} 00:00"
        assert float(shown["bytes"]) == pytest.approx(table["bytes"][row], rel=1e-4)
        assert float(shown["stamp"]) == pytest.approx(table["stamp"][row], rel=1e-5)
    data = data_of(labelling_page(workplace(dataset), asked(range(4)), "t"))
    assert data["pictures"] == []
    assert data["items"][1]["row"][1] == ["color", "green"]
    for one in data["items"]:
        own = dict(one["row"])
        for other in one["near"]:
            assert other["row"]
            assert all(own[name] != value for name, value in other["row"])


def test_vectors_show_their_first_values() -> None:
    shown = described_row((), np.arange(100, dtype=np.float32))
    assert shown[:2] == [("0", "0"), ("1", "1")]
    assert shown[-1] == ("…", "100 values")


class Page:
    """The page in a browser."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.browser, self.path = browser, path
        self.open()

    def open(self) -> None:
        self.browser.get(self.path.as_uri())

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()

    def click(self, name: str) -> None:
        self.browser.find_element("id", name).click()

    def text(self, name: str) -> str:
        return str(self.browser.find_element("id", name).text)

    def labels(self) -> dict[str, str]:
        found: dict[str, str] = self.browser.execute_script("return state.labels")
        return found

    def at(self) -> int:
        return int(self.browser.execute_script("return state.at"))

    def table(self) -> str:
        return str(self.browser.execute_script("return table()"))


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Page:
    path = tmp_path / "ask.html"
    path.write_text(labelling_page(workplace(pictures()), asked(range(8)), "pets: 8 items to label"))
    return Page(browser, path)


RIGHT, LEFT, ENTER, ESCAPE = "\ue014", "\ue012", "\ue007", "\ue00c"


@pytest.mark.slow
@pytest.mark.browser
def test_keys_label_go_skip_and_undo(page: Page) -> None:
    # At once, without a click: 1 and 2 are the first classes, 7 is the class of that name.
    page.press("1", "2", "7")
    assert page.labels() == {"0": "cat", "1": "dog", "2": "7"}
    assert page.at() == 3
    page.press("d", "o", ENTER)
    assert page.labels()["3"] == "dog"
    page.press("bird", ENTER)
    assert page.labels()["4"] == "bird"
    assert "bird" in page.text("classes")
    page.press(" ")
    assert page.text("count") == "5 of 8 labelled, 1 skipped"
    page.press(LEFT, LEFT)
    assert page.at() == 4
    page.click("undo")
    page.click("undo")
    assert page.text("count") == "4 of 8 labelled"
    assert page.at() == 4
    page.press("x", "y", ESCAPE)
    assert page.browser.execute_script("return document.getElementById('field').value") == ""
    page.press(RIGHT)
    assert page.at() == 5
    page.click("open-items")
    assert page.at() == 6
    assert "item 6, cluster 0 (10 items): covers 6" in page.text("why")
    assert page.browser.get_log("browser") == []


@pytest.mark.slow
@pytest.mark.browser
def test_labels_survive_reload_and_closing(page: Page) -> None:
    page.press("1", "2", "1")
    page.browser.refresh()
    assert page.labels() == {"0": "cat", "1": "dog", "2": "cat"}
    assert page.at() == 3
    assert "going on" in page.text("state")
    page.browser.switch_to.new_window("tab")
    page.open()
    assert page.text("count") == "3 of 8 labelled"
    page.press("2")
    assert page.labels()["3"] == "dog"


@pytest.mark.slow
@pytest.mark.browser
def test_the_table_that_it_saves_is_one_that_label_reads(page: Page, tmp_path: Path) -> None:
    page.press("1", "2")
    page.press('a "b", c', ENTER)
    table = page.table()
    assert list(csv.reader(table.splitlines()))[3] == ["2", "", "random", 'a "b", c']
    (tmp_path / "labels.csv").write_text(table)
    given = read_given(tmp_path / "labels.csv", N, None, ("cat", "dog", "7"))
    assert given.items.tolist() == [0, 1, 2]
    assert [given.class_names[code] for code in given.codes] == ["cat", "dog", 'a "b", c']
    assert given.samplers == ("random", "coverage", "random")


@pytest.mark.slow
@pytest.mark.browser
def test_the_table_holds_labels_from_before_and_says_which_items_have_none(browser: Any, tmp_path: Path) -> None:
    given = GivenLabels(np.array([20, 21]), np.array([0, 1]), ("cat", "dog", "7"), samplers=("random", "coverage"))
    (tmp_path / "ask.html").write_text(labelling_page(workplace(pictures()), asked(range(4)), "more", given))
    page = Page(browser, tmp_path / "ask.html")
    page.press("1", " ")
    rows = list(csv.reader(page.table().splitlines()))
    assert rows[1:] == [
        ["20", "", "random", "cat"],
        ["21", "", "coverage", "dog"],
        ["0", "", "random", "cat"],
        *([str(item), "", "coverage" if item % 2 else "random", ""] for item in (1, 2, 3)),
    ]
    (tmp_path / "labels.csv").write_text(page.table())
    again = read_given(tmp_path / "labels.csv", N, None, ("cat", "dog", "7"))
    assert again.items.tolist() == [20, 21, 0]
    assert again.n_unanswered == 1


@pytest.mark.slow
@pytest.mark.browser
def test_enter_takes_no_class_that_is_only_one_of_several(page: Page) -> None:
    page.press("cargo", ENTER, "carton", ENTER, "c", "a", "r", ENTER)
    assert page.at() == 2
    assert "2 classes begin with car" in page.text("differs")
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page.browser).key_down("\ue008").send_keys(ENTER).key_up("\ue008").perform()
    assert page.labels() == {"0": "cargo", "1": "carton", "2": "car"}


@pytest.mark.slow
@pytest.mark.browser
def test_two_tabs_of_a_page_do_not_write_over_each_other(page: Page) -> None:
    first = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    page.open()
    page.press("1")
    page.browser.switch_to.window(first)
    time.sleep(0.3)
    page.press(RIGHT, "2")
    page.browser.refresh()
    assert page.labels() == {"0": "cat", "1": "dog"}


@pytest.mark.slow
@pytest.mark.browser
def test_a_table_is_read_back_and_what_differs_is_shown(page: Page, tmp_path: Path) -> None:
    page.press("1", "1")
    (tmp_path / "old.csv").write_text(
        "﻿item,label,sampler\n0,cat,random\n1,dog,coverage\n5,dog,coverage\n29,cat,random\n6,,random\n"
    )
    page.browser.find_element("id", "open").send_keys(str(tmp_path / "old.csv"))
    time.sleep(0.3)
    assert page.labels() == {"0": "cat", "1": "cat", "5": "dog"}
    assert page.text("state") == "1 labels taken, 1 of items that are not on this page; 1 differ"
    assert "item 1: cat here, dog there" in page.text("differing")
    assert '"29","","random","cat"' in page.table()
    page.browser.find_element("css selector", "#differing button").click()
    assert page.labels()["1"] == "dog"
    assert page.text("differing") == ""


@pytest.mark.slow
@pytest.mark.browser
def test_it_says_where_a_label_differs_from_the_others_of_its_cluster(page: Page) -> None:
    # Items 0, 3 and 6 are of one cluster.
    page.press("1", "2", "7", "1", "2", "7")
    assert "labelled in it: 2 \N{MULTIPLICATION SIGN} cat" in page.text("why")
    page.press("2", LEFT)
    assert page.text("differs") == "others in this cluster are cat: look again, or leave it"


@pytest.mark.slow
@pytest.mark.browser
def test_it_fits_a_phone_and_five_thousand_items(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    path.write_text(labelling_page(workplace(pictures(6_000)), asked(range(5_000)), "many"))
    assert path.stat().st_size < 6e6
    page = Page(browser, path)
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    begun = time.monotonic()
    page.press(*("1" * 20))
    assert time.monotonic() - begun < 10
    assert page.text("count") == "20 of 5000 labelled"
    browser.refresh()
    assert page.text("count") == "20 of 5000 labelled"
    assert browser.get_log("browser") == []
