"""Figures of a finished run, and an item explained."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_every_figure_is_drawn_and_not_empty(command: Command, real_run: Path, tmp_path: Path) -> None:
    from bench.reading.figures import FIGURES

    code, out, _ = command("plot", str(real_run), "--out", str(tmp_path))
    assert code == 0
    assert {path.stem for path in tmp_path.glob("*.png")} == set(FIGURES)
    assert len(out.splitlines()) == 2 * len(FIGURES)
    for path in tmp_path.glob("*.png"):
        pixels = matplotlib.image.imread(path)
        assert pixels[..., :3].std() > 0.02
    assert all("<svg" in path.read_text() for path in tmp_path.glob("*.svg"))


def test_some_figures_and_unknown_ones(command: Command, run_folder: Path, tmp_path: Path) -> None:
    code, _, _ = command("plot", str(run_folder), "--figures", "confusion", "--out", str(tmp_path))
    assert code == 0
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["confusion.png", "confusion.svg"]
    code, _, err = command("plot", str(run_folder), "--figures", "confusoin")
    assert (code, "did you mean 'confusion'" in err) == (2, True)
    code, _, err = command("plot", str(run_folder), "--figures", "clusters", "--methods", "knn", "--out", str(tmp_path))
    assert (code, "nothing to draw clusters from" in err) == (2, True)


def test_a_figure_of_too_many_lines_draws_one_k(
    command: Command, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn() -> str:
        assert command("plot", str(run_folder), "--figures", "label-efficiency", "--out", str(tmp_path))[0] == 0
        return (tmp_path / "label-efficiency.svg").read_text()

    assert "<!-- soft K=10 -->" in drawn()
    monkeypatch.setattr("bench.reading.figures.label_efficiency._MANY_LINES", 7)
    figure = drawn()
    assert "<!-- soft -->" in figure
    assert "; K = 20 -->" in figure


def test_without_its_data_a_run_still_has_its_figures(command: Command, run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    for path in (copy / "config.json", copy / "dataset.json"):
        path.write_text(path.read_text().replace('"digits"', '"gone.npz"'))
    code, out, err = command("plot", str(copy), "--out", str(tmp_path / "figures"))
    assert code == 0
    assert "figures that need the data are left out" in err
    assert "label-efficiency.png" in out
    assert "confusion" not in out
    code, _, err = command("explain", str(copy))
    assert (code, "--data-dir" in err) == (2, True)


def test_explain_an_item_of_ones_choice(command: Command, run_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "item.png"
    code, out, _ = command("explain", str(run_folder), "--sample", "5", "--out", str(path))
    assert code == 0
    assert "item 5 is 5: hard decoding says" in out
    assert path.stat().st_size > 5_000
    code, _, err = command("explain", str(run_folder), "--sample", "1797")
    assert (code, "--sample got 1797" in err) == (2, True)


def test_the_chosen_item_is_one_that_soft_saves(command: Command, run_folder: Path) -> None:
    code, out, _ = command("explain", str(run_folder), "--labels", "20")
    assert code == 0
    assert re.search(r"hard decoding says \d \(wrong\), soft decoding \d \(right\)", out)
