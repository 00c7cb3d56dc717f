"""Exact output on a console of fixed width."""

import io
import time
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console, RenderableType

from bench.data.dataset import Dataset
from bench.engine.estimate import Estimate, estimate, seconds_by_method
from bench.engine.steps import failed_records
from bench.pipeline import make_plan, make_work, preview_work, survey
from bench.plan.settings import make_settings
from bench.show.coverage import coverage_tables
from bench.show.display import Display
from bench.show.durations import format_seconds
from bench.show.figures import label_efficiency
from bench.show.grid import Grid, render_grid
from bench.show.live import LiveDisplay
from bench.show.status import render_preview
from bench.show.style import look_of
from bench.show.tables import render, to_latex, to_markdown
from bench.stats.comparison import Comparison, Score
from bench.stats.coverage import coverage_rows, expected_labels
from gmvae.training import EpochStats

COMPARISON = Comparison(
    dataset="letters",
    n_pool=1_000,
    n_known=900,
    n_test=0,
    n_classes=26,
    note="1,000 letters (not the official split)",
    metric="accuracy",
    n_components=(100,),
    n_model_seeds=2,
    n_label_seeds=3,
    budgets=("73", "7%"),
    rows=(
        ("soft", (Score(81.26, 80.1, 82.4, 0, best=True), Score(85.0, 84.0, 86.0, 1, best=False))),
        ("hard_x", (Score(60.0, None, None, 0, best=False), Score(None, None, None, 3, best=False))),
        ("knn", (None, Score(None, None, None, 0, best=False))),
    ),
)


def text(renderable: RenderableType, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_table_in_a_terminal() -> None:
    assert text(render(COMPARISON, 80)) == [
        "letters: 1,000 items (900 with a label), 26 classes, K = 100",
        "accuracy in %, transductive (on the unlabelled rest of the pool)",
        "mean and 95 % interval over 2 model × 3 label seeds",  # noqa: RUF001
        "1,000 letters (not the official split)",
        "labels        73        7%",
        "──────────────────────────",
        "soft        81.3     85.0!",
        "       80.1-82.4 84.0-86.0",
        "hard_x      60.0    failed",
        "knn            -         -",
    ]


def test_a_narrow_table_loses_intervals_not_digits() -> None:
    lines = text(render(COMPARISON, 24), 60)
    assert "soft   81.3  85.0!" in lines
    assert "hard_x 60.0 failed" in lines
    assert not any("80.1" in line for line in lines)


def test_a_grid_gives_up_intervals_then_names_then_columns_but_no_digits() -> None:
    grid = Grid(
        "title",
        ("method", "run", "73", "1,456", "rank"),
        (("a-method-of-long-name", "a-run-of-long-name", "12.3\n11.1-13.5", "98.7\n97.0-99.9", "1.5"),),
        left=frozenset({0, 1}),
    )

    def drawn(width: int) -> list[str]:
        console = Console(file=io.StringIO(), width=width)
        console.print(render_grid(grid, width))
        assert isinstance(console.file, io.StringIO)
        return [line.rstrip() for line in console.file.getvalue().splitlines()]

    assert drawn(80)[-1].split() == ["11.1-13.5", "97.0-99.9"]
    assert drawn(64)[-1] == "a-method-of-long-name   a-run-of-long-name   12.3    98.7    1.5"
    assert drawn(50)[-1] == "a-method-of…   a-run-of-lon…   12.3    98.7    1.5"
    narrow = drawn(40)
    assert narrow[1] == "1 more column needs a wider terminal, or"
    assert narrow[-1] == "a-method-o…   a-run-of-l…   12.3    98.7"
    assert all(len(line) <= width for width in (80, 64, 50, 40) for line in drawn(width))


def test_markdown() -> None:
    assert to_markdown(COMPARISON).splitlines()[-5:] == [
        "| labels | 73 | 7% |",
        "|---|---:|---:|",
        "| soft | **81.3** [80.1, 82.4] | 85.0 [84.0, 86.0] (1 failed) |",
        "| hard_x | 60.0 | failed |",
        "| knn | - | - |",
    ]


def test_latex_is_booktabs_with_escapes() -> None:
    lines = to_latex(COMPARISON).splitlines()
    assert r"labels & 73 & 7\% \\" in lines
    assert r"soft & \textbf{81.3} [80.1, 82.4] & 85.0 [84.0, 86.0] (1 failed) \\" in lines
    assert r"hard\_x & 60.0 & failed \\" in lines
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_coverage_tables() -> None:
    lines = text(coverage_tables(100, 145_600, expected_labels(100), coverage_rows(100, (0.95,)), [(73, 52.0, 0.0)]))
    assert lines[0] == "Random labels for K = 100 equal clusters, 145,600 items"
    assert any("on average" in line and "519 (0.36 %)" in line for line in lines)
    assert any("with 95 % confidence" in line and "757 (0.52 %)" in line and "754 (0.52 %)" in line for line in lines)
    assert any("52.0 of 100" in line for line in lines)


@pytest.mark.parametrize(("seconds", "expected"), [(48.9, "48 s"), (185, "3 min 05 s"), (7_800, "2 h 10 min")])
def test_durations(seconds: float, expected: str) -> None:
    assert format_seconds(seconds) == expected


def test_every_method_has_a_look_of_its_own() -> None:
    from bench.judge.methods import METHODS

    looks = [look_of(name) for name in METHODS]
    assert len(set(looks)) == len(looks)
    assert look_of("some-plugin") == look_of("some-plugin")


def test_live_display_counts_cells_and_shows_trainings(small_dataset: Dataset, tmp_path: Path) -> None:
    settings = make_settings(
        {"components": "5", "budgets": "20", "label_seeds": "2", "model_seeds": "0,1", "methods": "soft,knn", "epochs": 3}
    )
    work = make_work(make_plan(settings, small_dataset), tmp_path / "run")
    console = Console(file=io.StringIO(), width=100, color_system=None)
    display = LiveDisplay(work, console)
    job = work.trainings[0]
    display.training_started(job)
    display.epoch_done(job.key, EpochStats(2, -8.5, -20.0, 1.0, 3.0, 0.5, -3.0, 1.0, 5, 0.4, 1e-3, 1_234.0, 10.0))
    failed = failed_records(work.batches[0].cells, work, "boom")
    display.records_done(failed)
    display.training_done(work.trainings[1].key, "training failed: too hot")
    lines = text(display._render(), 100)
    assert any(line.split() == ["k5-s0", "training", "2/3", "-8.50", "5", "1,234", "5", "s"] for line in lines)
    assert any(line.startswith("k5-s1") and "failed" in line for line in lines)
    assert any(f"cells {len(failed)}/6  {len(failed)} failed" in line for line in lines)
    assert any("too hot" in line for line in lines)
    with display:
        pass
    # Short runs say nothing where there is no terminal.
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
    assert display._line().partition(": ")[2] == (
        f"0 of 2 models trained, 1 failed, k5-s0 at epoch 2 of 3; {len(failed)} of 6 cells, {len(failed)} failed"
    )


class Counting(Display):
    """Counts the lines it was asked for."""

    lines = 0

    def _render(self) -> RenderableType:
        return "drawn"

    def _line(self) -> str:
        self.lines += 1
        return f"line {self.lines} of a text that is far wider than this console"


def test_a_log_gets_lines_and_a_terminal_a_drawing() -> None:
    console = Console(file=io.StringIO(), width=20, color_system=None)
    with Counting(console, every=0.01) as display:
        deadline = time.monotonic() + 30
        while display.lines < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "line 1 of a text that is far wider than this console"
    terminal = Console(file=io.StringIO(), width=20, color_system=None, force_terminal=True)
    with Counting(terminal, every=0.01) as drawn:
        time.sleep(0.05)
    assert drawn.lines == 0
    assert "drawn" in terminal.file.getvalue()  # type: ignore[attr-defined]


def test_preview_and_estimate(small_dataset: Dataset, tmp_path: Path) -> None:
    settings = make_settings(
        {"components": "5", "model_seeds": "0,1", "budgets": "20,30", "label_seeds": 2, "methods": "soft,knn"}
    )
    plan = make_plan(settings, small_dataset)
    found = survey(plan, tmp_path / "run")
    work = preview_work(plan, tmp_path / "run", found)
    guess = estimate(work, found.records)
    assert guess.makespan(1) == pytest.approx(guess.training_seconds + guess.judging_seconds)
    assert guess.makespan(1000) == guess.longest_seconds >= guess.training_seconds / 2
    assert not (tmp_path / "run").exists()
    shown = text(render_preview(work, 3, 4, Estimate(3600, 120, 1800), 2, 80))
    assert shown[0].startswith("would run 12 cells in")
    shown = [line.rstrip() for line in shown]
    assert "trainings: 2 (k5-s0, k5-s1)" in shown
    assert "done already: 3 cells" in shown
    assert "failed before and left alone: 4 cells; --retry-failed runs them again" in shown
    assert "about 31 min 00 s on 2 CPUs (CPU time: training 1 h 00 min, judging 2 min 00 s)" in shown


def test_times_of_finished_cells_are_better_than_a_guess() -> None:
    records = pd.DataFrame(
        {
            "method": ["knn", "knn", "soft"],
            "status": ["ok", "ok", "failed"],
            "fit_seconds": [1.0, 3.0, None],
            "predict_seconds": 1.0,
        }
    )
    assert seconds_by_method(records) == {"knn": 3.0}


@pytest.mark.parametrize(("metric", "top"), [("accuracy", 50.0), ("fit_seconds", 0.5)])
def test_label_efficiency_figure_draws_the_metric_in_its_unit(metric: str, top: float) -> None:
    curve = pd.DataFrame(
        {"method": ["soft"] * 2, "sampler": "random", "label": "soft", "n_components": pd.array([10, 10], "Int64"),
         "n_labeled": [5, 50],
         "labeled_fraction": [0.01, 0.1],
         "mean": [0.2, 0.5], "ci_low": [0.1, 0.4], "ci_high": [0.3, 0.6]}
    )  # fmt: skip
    (axes,) = label_efficiency(curve, {"name": "d", "n_pool": 500}, metric).axes
    line = next(line for line in axes.lines if line.get_label() == "soft")
    assert list(line.get_xdata()) == [5, 50]
    assert max(line.get_ydata()) == pytest.approx(top)
    assert ("in %" in axes.get_ylabel()) == (metric == "accuracy")
