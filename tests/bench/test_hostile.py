"""Names and files of strangers: shown, escaped or refused in one line; never obeyed, and no traceback."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console
from rich.text import Text

from bench.classifier.store import _sha256, save
from bench.cli.plain import show_controls_as_unknown
from bench.data.dataset import Dataset
from bench.data.registry import load_dataset
from bench.errors import DataError
from bench.show.grid import Grid, to_text
from bench.store.folder import default_folder
from bench.store.fonts import save_drawn
from bench.wording import escape_markdown, printable, printable_lines
from tests.support.classifiers import data, taken

Command = Callable[..., tuple[int, str, str]]

HOSTILE = {
    "html": "<script>window.pwned=1</script>",
    "image": '"><img src=x onerror=window.pwned=1>',
    "jinja": "{{7*7}}{% raw %}",
    "ansi": "\x1b[31mred\x1b]0;title\x07\x1b[2J",
    "csi": "\x9b31mred",
    "rich": "[red]x[/red][link=http://x]",
    "latex": "\\input{/etc/passwd}$%&_#{}~^",
    "formula": "$\\frac{a}{$",
    "spreadsheet": "=1+1",
    "lines": "a\n\\input{b}\r\nc",
    "bidi": "a\u202eb\u2066",
    "markdown": "![i](http://x/y) [l](javascript:x) `code` a|b",
    "long": "x" * 10_000,
    "surrogate": "a\udcff",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_terminal_gets_nothing_to_obey(name: str) -> None:
    show_controls_as_unknown()
    out = StringIO()
    console = Console(file=out, markup=False, highlight=False, emoji=False, width=200)
    console.print(HOSTILE[name], soft_wrap=True)
    console.print(Text(HOSTILE[name]), soft_wrap=True)
    shown = out.getvalue()
    for text in (shown, printable_lines(HOSTILE[name])):
        assert printable(text.replace("\n", "")) == text.replace("\n", "")
    if name == "rich":
        assert HOSTILE[name] in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_in_other_formats_stay_tables(name: str) -> None:
    text = HOSTILE[name]
    grid = Grid(text, ("a", text), ((text, "1"), ("b", "2")), (text,))
    markdown, latex = (to_text(grid, form) for form in ("markdown", "latex"))
    shown = re.sub(r"\\.", "", markdown)
    assert not {"<", "]("} & {shown[place : place + size] for size in (1, 2) for place in range(len(shown))}
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)
    body = latex.splitlines()
    outside = [line for line in body if not line.startswith("%")]
    known = {"begin", "end", "toprule", "midrule", "bottomrule", "textbackslash", "textasciitilde", "textasciicircum"}
    assert set(re.findall(r"\\([a-zA-Z]+)", "\n".join(outside))) <= known
    plain = "".join(outside).replace("\\$", "").replace("$>$", "").replace("$<$", "")
    assert "$" not in plain
    if name not in ("lines", "surrogate"):
        assert pd.read_csv(StringIO(to_text(grid, "csv")), dtype=str).iloc[0, 0] == text


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "long"])
def test_figures_are_drawn_whatever_their_texts_say(name: str, tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"many words and {HOSTILE[name].encode('utf-8', 'replace').decode()} in the end", wrap=True)
    axes.plot([1, 2])
    save_drawn(figure, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 1_000


def test_names_that_are_not_utf8_are_written_where_the_stream_is_strict(run_folder: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    folder.symlink_to(run_folder, target_is_directory=True)
    for verb in (["status"], ["table"]):
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli.main", *verb, str(folder)],
            env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert b"Traceback" not in done.stderr


def test_file_and_folder_names_are_cleaned_in_what_was_understood(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": np.arange(9.0), "label": list("abc") * 3})
    table.to_csv(tmp_path / "\x1b[31mred.csv", index=False)
    np.savez(tmp_path / "\x1b[31mred.npz", x=np.arange(18.0).reshape(9, 2), y=np.arange(9) % 3)
    for name in "ab":
        (tmp_path / "im\x1b[31m" / name).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(np.full((4, 4), 40 * number, np.uint8)).save(tmp_path / "im\x1b[31m" / name / f"{number}.png")
    for path in ("\x1b[31mred.csv", "\x1b[31mred.npz", "im\x1b[31m"):
        assert "\x1b" not in "".join(load_dataset(str(tmp_path / path)).notices())


def test_classes_that_control_characters_alone_tell_apart_are_refused() -> None:
    with pytest.raises(DataError, match="several classes are called"):
        Dataset("d", np.arange(4.0).reshape(2, 2).astype(np.float32), np.array([0, 1]), ("a\x1b", "a\x07"))


def a_classifier(place: Path) -> tuple[Path, Path]:
    """The folder of one, and a file with items for it."""
    *_, classifier = taken("digits", "soft")
    save(classifier, place / "classifier")
    np.save(place / "items.npy", data("digits").pool[:5])
    return place / "classifier", place / "items.npy"


def changed(run_folder: Path, place: Path, **values: Any) -> Path:
    """A run folder with other values in `dataset.json`; everything else is linked."""
    place.mkdir()
    for path in run_folder.iterdir():
        if path.is_dir():
            (place / path.name).mkdir()
        else:
            (place / path.name).write_bytes(path.read_bytes())
    described = json.loads((place / "dataset.json").read_text()) | values
    (place / "dataset.json").write_text(json.dumps(described))
    return place


@pytest.mark.parametrize(
    ("key", "value"),
    [("n_pool", "x"), ("n_test", None), ("class_counts", "abc"), ("class_names", [[1], 2]), ("name", 3), ("n_pool", -1)],
)
def test_a_run_with_values_of_another_kind_is_refused(
    key: str, value: Any, run_folder: Path, command: Command, tmp_path: Path
) -> None:
    folder = changed(run_folder, tmp_path / "run", **{key: value})
    for verb in ("table", "status", "report", "plot"):
        code, _, messages = command(verb, str(folder))
        assert code == 2, verb
        assert f"{key} of another kind than a run writes" in " ".join(messages.split())


def test_what_a_run_says_of_its_data_is_cleaned(run_folder: Path, command: Command, tmp_path: Path) -> None:
    folder = changed(run_folder, tmp_path / "run", name="a\x1b[31m\ud800\n\\input{x}", note="n\x1b]0;t\x07")
    for form in ("rich", "markdown", "latex"):
        code, out, _ = command("table", str(folder), "--format", form)
        assert code == 0
        assert "\x1b" not in out
        assert not any(line.startswith("\\input") for line in out.splitlines())


def test_links_that_lead_to_each_other_are_refused(run_folder: Path, command: Command, tmp_path: Path) -> None:
    folder = changed(run_folder, tmp_path / "run")
    (folder / "one").symlink_to(folder / "two")
    (folder / "two").symlink_to(folder / "one")
    for verb in ("table", "status"):
        code, _, messages = command(verb, str(folder))
        assert code == 2
        assert "is a link out of the run's folder" in " ".join(messages.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"class_names": [[1], [2]]}, "class_names"),
        ({"class_names": "ab"}, "class_names"),
        ({"class_names": ["only one"]}, "classes"),
    ],
)
def test_a_classifier_with_other_class_names_is_refused(
    change: dict[str, Any], said: str, command: Command, tmp_path: Path
) -> None:
    folder, items = a_classifier(tmp_path)
    path = folder / "classifier.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    code, _, messages = command("predict", str(folder), str(items))
    assert code == 2
    assert said in messages


def test_a_classifier_that_leads_to_a_device_is_refused(command: Command, tmp_path: Path) -> None:
    folder, items = a_classifier(tmp_path)
    for name in ("weights.safetensors", "classifier.json"):
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")
        code, _, messages = command("predict", str(folder), str(items))
        assert code == 2
        assert "is no file" in messages


def test_a_card_shows_names_as_they_are() -> None:
    assert escape_markdown(HOSTILE["html"]).startswith("\\<script>")
    assert escape_markdown("a|b\nc") == "a\\|b c"
    assert escape_markdown(HOSTILE["markdown"]).startswith("!\\[i\\](")


def test_a_quote_that_is_not_closed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text('a,b,label\n"1,2,3\n' + "1,2,3\n" * 60_000)
    with pytest.raises(DataError, match="is a quote not closed"):
        load_dataset(str(path))


def test_a_header_of_many_long_names_is_read(tmp_path: Path) -> None:
    names = [f"gene-{number:05d}-with-a-name-that-is-long" for number in range(20_000)]
    rows = [",".join([*(f"{value}" for value in np.arange(20_000) % 7 + row), "ab"[row % 2]]) for row in range(4)]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join([",".join([*names, "label"]), *rows]) + "\n")
    data = load_dataset(str(path))
    assert data.pool.shape == (4, 20_000)


def test_a_folder_is_named_by_a_part_of_a_long_name() -> None:
    assert len(default_folder("d/" + "x" * 250 + ".csv", {"a": 1}).name) < 120


def test_large_pictures_are_read_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in "ab":
        (tmp_path / "p" / name).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full((12, 12), 40 * number + ord(name), np.uint8)).save(tmp_path / "p" / name / f"{number}.png")
    assert load_dataset(str(tmp_path / "p")).pool.shape[0] == 4
    assert "DecompressionBomb" not in capfd.readouterr().err


def test_fingerprints_are_of_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 3_000_000)
    assert _sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
