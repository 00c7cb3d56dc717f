"""Figures of a finished run, and an item explained."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from bench.plan.cells import ModelKey
from bench.reading.figures import FIGURES, figure_of, training
from bench.reading.open_run import OpenRun

Command = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_every_figure_is_drawn_and_not_empty(command: Command, real_run: Path, tmp_path: Path) -> None:
    code, out, _ = command("plot", str(real_run), "--out", str(tmp_path))
    assert code == 0
    assert {path.stem for path in tmp_path.glob("*.png")} == set(FIGURES)
    assert len(out.splitlines()) == 3 * len(FIGURES)
    for path in tmp_path.glob("*.png"):
        pixels = matplotlib.image.imread(path)
        assert pixels[..., :3].std() > 0.02
    assert all("<svg" in path.read_text() for path in tmp_path.glob("*.svg"))


def test_some_figures_and_unknown_ones(command: Command, run_folder: Path, tmp_path: Path) -> None:
    code, _, _ = command("plot", str(run_folder), "--figures", "confusion", "--out", str(tmp_path))
    assert code == 0
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["confusion.pdf", "confusion.png", "confusion.svg"]
    code, _, err = command("plot", str(run_folder), "--figures", "confusoin")
    assert (code, "did you mean 'confusion'" in err) == (2, True)
    code, _, err = command("plot", str(run_folder), "--figures", "clusters", "--methods", "knn", "--out", str(tmp_path))
    assert (code, "nothing to draw clusters from" in err) == (2, True)


def test_all_figures_of_a_run_are_about_one_k(command: Command, run_folder: Path, tmp_path: Path) -> None:
    run = OpenRun(run_folder)
    assert run.components == 20
    assert {key.n_components for key in run.models} == {10, 20}
    assert run.models[0].n_components == 20
    lines, gains = (figure_of(name).data(run) for name in ("label-efficiency", "soft-minus-hard"))
    assert set(lines.curves["n_components"].dropna()) == {20}
    assert all(data.about.endswith("; K = 20") for data in (lines, gains))
    # What one figure says is what the other says.
    means = lines.curves.set_index(["label", "n_labeled"])["mean"]
    for difference in gains.differences:
        n = difference.n_labeled
        assert difference.interval.mean == pytest.approx(means[difference.label, n] - means["hard", n])
    assert command("plot", str(run_folder), "--figures", "label-efficiency", "--components", "10", "--out", str(tmp_path))[0] == 0
    assert "; K = 10" in (tmp_path / "label-efficiency.svg").read_text()


def test_gains_of_classes_are_means_over_all_models_and_draws(real_run: Path) -> None:
    run = OpenRun(real_run)
    by_class = figure_of("class-gain").data(run)
    looks = [run.inspect(key, seed) for key in run.trained if key.n_components == run.components for seed in run.label_seeds]
    assert len(looks) > 1
    truth = run.data.labels
    for code, of_class in enumerate(by_class.gains):
        gains = [
            (look.soft[rest] == code).mean() - (look.hard[rest] == code).mean()
            for look in looks
            if (rest := look.scored & (truth == code)).any()
        ]
        assert of_class.gain.mean == pytest.approx(sum(gains) / len(gains))


def test_a_width_is_what_a_figure_has(command: Command, run_folder: Path, tmp_path: Path) -> None:
    options = ("--figures", "label-efficiency", "--width", "3.3", "--out", str(tmp_path))
    assert command("plot", str(run_folder), *options)[0] == 0
    assert matplotlib.image.imread(tmp_path / "label-efficiency.png").shape[1] == pytest.approx(3.3 * 150, abs=1)
    code, _, err = command("plot", str(run_folder), "--width", "0")
    assert (code, "--width" in err) == (2, True)


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


def test_many_models_are_a_band_for_each_k(monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = np.arange(1, 4)
    values = dict.fromkeys(training._PANELS, epochs * 1.0) | {"epoch": epochs}
    histories = {ModelKey(k, seed): pd.DataFrame(values) + seed for k in (10, 20) for seed in range(30)}
    histories = {key: history.assign(epoch=epochs) for key, history in histories.items()}
    panel = training.draw(training.Histories(histories, "many")).axes[0]
    # A median and a band for each K, and two lines for the legend.
    assert len(panel.lines) == 4
    assert len(panel.collections) == 2
    np.testing.assert_allclose(panel.lines[0].get_ydata(), epochs + 14.5)
    few = {key: history for key, history in histories.items() if key.model_seed < 20}
    assert len(training.draw(training.Histories(few, "few")).axes[0].lines) == 42
