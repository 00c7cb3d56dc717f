"""Exact output on a console of fixed width."""

import io
import time
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console, RenderableType

from bench.data.dataset import Dataset
from bench.engine.estimate import Estimate, estimate, scale_by_method
from bench.engine.forecast import Forecast
from bench.engine.steps import failed_records
from bench.engine.watch import Listeners
from bench.plan.settings import make_settings
from bench.reading.figures import label_efficiency
from bench.run import make_plan, make_work, preview_work, survey
from bench.show.coverage import coverage_grids
from bench.show.display import Display
from bench.show.durations import format_seconds
from bench.show.grid import Cell, Grid, Note, render_grid, to_text
from bench.show.live import LiveDisplay
from bench.show.status import render_preview
from bench.show.style import looks_of
from bench.stats.coverage import coverage_rows, expected_labels
from gmvae.training import EpochStats

SCORES = Grid(
    "letters: 1,000 items",
    ("labels", "73", "7%"),
    (
        (
            "soft",
            Cell("81.3", "80.1-82.4", "80.1, 82.4", best=True),
            Cell("85.0", "84.0-86.0", "84.0, 86.0", mark="!", remark="1 failed"),
        ),
        ("hard_x", "60.0", Cell("failed", style="red")),
        ("knn", "-", "-"),
    ),
    (Note("mean and 95 % interval", "mean; intervals need a wider terminal"), "not the official split"),
    dense=True,
    footer="mean rank: soft 1.0",
)


def text(renderable: RenderableType, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_table_in_a_terminal() -> None:
    assert text(render_grid(SCORES, 80)) == [
        "letters: 1,000 items",
        "mean and 95 % interval",
        "not the official split",
        "labels        73        7%",
        "──────────────────────────",
        "soft        81.3     85.0!",
        "       80.1-82.4 84.0-86.0",
        "hard_x      60.0    failed",
        "knn            -         -",
        "",
        "mean rank: soft 1.0",
    ]


def test_a_narrow_table_loses_intervals_not_digits_and_says_so() -> None:
    lines = text(render_grid(SCORES, 24), 60)
    assert "soft   81.3  85.0!" in lines
    assert "hard_x 60.0 failed" in lines
    assert not any("80.1" in line for line in lines)
    assert "mean; intervals need a wider terminal" in lines
    assert "mean and 95 % interval" not in lines


def test_a_grid_moves_together_then_breaks_names_then_gives_up_intervals_then_columns_but_no_digits() -> None:
    grid = Grid(
        "title",
        ("method", "run", "73", "1,456", "rank"),
        (("a-method of-long-name", "a-run of-long-name", "12.3\n11.1-13.5", "98.7\n97.0-99.9", "1.5"),),
        left=frozenset({0, 1}),
    )

    def drawn(width: int) -> list[str]:
        return text(render_grid(grid, width), width)

    assert drawn(80)[-2] == "a-method of-long-name   a-run of-long-name        12.3        98.7    1.5"
    assert drawn(70)[-2] == "a-method of-long-name a-run of-long-name      12.3      98.7  1.5"
    assert drawn(60)[-2:] == [
        "a-method         a-run of-long-name      12.3      98.7  1.5",
        "of-long-name                        11.1-13.5 97.0-99.9",
    ]
    assert drawn(46)[1] == "what stands below the numbers needs a wider"
    narrow = drawn(34)
    assert "2 more columns need a wider" in " ".join(narrow)
    assert narrow[-2].split() == ["a-method", "a-run", "12.3"]
    for width in (80, 70, 60, 46, 34):
        assert all(len(line) <= width for line in drawn(width))
        assert "…" not in "".join(drawn(width))


def test_markdown() -> None:
    assert to_text(SCORES, "markdown").splitlines()[-5:] == [
        "| labels | 73 | 7% |",
        "|---|---:|---:|",
        "| soft | **81.3** [80.1, 82.4] | 85.0 [84.0, 86.0] (1 failed) |",
        "| hard_x | 60.0 | failed |",
        "| knn | - | - |",
    ]


def test_latex_is_booktabs_with_escapes() -> None:
    lines = to_text(SCORES, "latex").splitlines()
    assert r"labels & 73 & 7\% \\" in lines
    assert r"soft & \textbf{81.3} [80.1, 82.4] & 85.0 [84.0, 86.0] (1 failed) \\" in lines
    assert r"hard\_x & 60.0 & failed \\" in lines
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_coverage_tables() -> None:
    grids = coverage_grids(100, 145_600, expected_labels(100), coverage_rows(100, (0.95,)), [(73, 52.0, 0.0)])
    lines = [line for grid in grids for line in text(render_grid(grid))]
    assert lines[0] == "Random labels for K = 100 equal clusters, 145,600 items"
    assert any("on average" in line and "519 (0.36 %)" in line for line in lines)
    assert any("with 95 % confidence" in line and "757 (0.52 %)" in line and "754 (0.52 %)" in line for line in lines)
    assert any("52.0 of 100" in line for line in lines)


@pytest.mark.parametrize(("seconds", "expected"), [(48.9, "48 s"), (185, "3 min 05 s"), (7_800, "2 h 10 min")])
def test_durations(seconds: float, expected: str) -> None:
    assert format_seconds(seconds) == expected


def test_every_method_has_a_look_of_its_own() -> None:
    from bench.judge.methods import METHODS

    names = [*METHODS, *(f"method-of-somebody-{i}" for i in range(20))]
    looks = looks_of(names)
    assert len(set(looks.values())) == len(names)
    # The same in a figure with fewer methods.
    assert looks_of(["soft", "knn"]) == {name: looks[name] for name in ("soft", "knn")}


def test_live_display_counts_cells_and_shows_trainings(small_dataset: Dataset, tmp_path: Path) -> None:
    settings = make_settings(
        {"components": "5", "budgets": "20", "label_seeds": "2", "model_seeds": "0,1", "methods": "soft,knn", "epochs": 3}
    )
    work = make_work(make_plan(settings, small_dataset), tmp_path / "run")
    console = Console(file=io.StringIO(), width=100, color_system=None)
    forecast = Forecast(work)
    display = LiveDisplay(work, forecast, console)
    both, job = Listeners([forecast, display]), work.trainings[0]
    both.starting("starting Ray")
    assert "starting Ray" in text(display._render(), 100)
    both.begun(2)
    both.training_started(job)
    assert not any("starting" in line for line in text(display._render(), 100))
    for epoch in (1, 2):
        both.epoch_done(job.key, EpochStats(epoch, -8.5, -20.0, 1.0, 3.0, 0.5, -3.0, 1.0, 5, 0.4, 1e-3, 1_234.0, 5.0 * epoch))
    both.batch_started(work.batches[0])
    assert any(line.startswith(f"judging {work.batches[0].method}") for line in text(display._render(), 100))
    failed = failed_records(work.batches[0].cells, work, "boom")
    both.records_done(failed)
    both.training_done(work.trainings[1].key, "training failed: too hot")
    lines = text(display._render(), 100)
    assert any(line.split() == ["k5-s0", "training", "2/3", "-8.50", "5", "1,234", "5", "s"] for line in lines)
    assert any(line.startswith("k5-s1") and "failed" in line for line in lines)
    assert any(f"cells {len(failed)}/6  {len(failed)} failed" in line for line in lines)
    assert any("too hot" in line for line in lines)
    with display:
        pass
    # Short runs say nothing where there is no terminal.
    assert console.file.getvalue().splitlines() == [
        "starting Ray",
        "starting workers (about 10 s): 2 models to train, 6 cells to judge",
    ]  # type: ignore[attr-defined]
    assert display._line().partition(": ")[2] == (
        f"0 of 2 models trained, 1 failed, k5-s0 at epoch 2 of 3; {len(failed)} of 6 cells, {len(failed)} failed; "
        "about 5 s of training left"
    )


def test_a_training_that_resumes_says_from_where(small_dataset: Dataset, tmp_path: Path) -> None:
    settings = make_settings({"components": "5", "budgets": "20", "model_seeds": "0", "methods": "soft", "epochs": 50})
    work = make_work(make_plan(settings, small_dataset), tmp_path / "run")
    console = Console(file=io.StringIO(), width=100, color_system=None)
    display = LiveDisplay(work, Forecast(work), console)
    for epoch in (41, 42):
        stats = EpochStats(epoch, -8.5, -20.0, 1.0, 3.0, 0.5, -3.0, 1.0, 5, 0.4, 1e-3, 1_234.0, 5.0 * epoch)
        display.epoch_done(work.trainings[0].key, stats)
    assert console.file.getvalue() == "k5-s0 goes on from epoch 40\n"  # type: ignore[attr-defined]


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
            "n_labeled": [10, 50, 10],
            "fit_seconds": [1.0, 3.0, None],
            "predict_seconds": 1.0,
        }
    )
    # Guessed were 1 and 5 s, and 2 and 4 were taken; a cell with 100 labels is not taken for one of the small ones.
    assert scale_by_method(records, lambda _method, n_labeled: n_labeled / 10) == {"knn": 1.0}
    assert scale_by_method(records, lambda _method, n_labeled: n_labeled / 20) == {"knn": 2.0}


@pytest.mark.parametrize(("metric", "top"), [("accuracy", 50.0), ("fit_seconds", 0.5)])
def test_label_efficiency_figure_draws_the_metric_in_its_unit(metric: str, top: float) -> None:
    curve = pd.DataFrame(
        {"method": ["soft"] * 2, "sampler": "random", "label": "soft", "n_components": pd.array([10, 10], "Int64"),
         "n_labeled": [5, 50],
         "labeled_fraction": [0.01, 0.1],
         "mean": [0.2, 0.5], "ci_low": [0.1, 0.4], "ci_high": [0.3, 0.6]}
    )  # fmt: skip
    (axes,) = label_efficiency.draw(label_efficiency.Lines(curve, ("soft",), "d, 500 items", "5 draws of labels", metric)).axes
    line = next(line for line in axes.lines if line.get_label() == "soft")
    assert list(line.get_xdata()) == [5, 50]
    assert max(line.get_ydata()) == pytest.approx(top)
    assert ("in %" in axes.get_ylabel()) == (metric == "accuracy")
