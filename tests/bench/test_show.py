"""Exact output on a console of fixed width."""

import io

import pytest
from rich.console import Console, RenderableType

from bench.show.coverage import coverage_tables
from bench.show.live import format_seconds
from bench.show.style import look_of
from bench.show.tables import render, to_latex, to_markdown
from bench.stats.comparison import Comparison, Score
from bench.stats.coverage import coverage_rows, expected_labels

COMPARISON = Comparison(
    dataset="letters",
    n_pool=1_000,
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
        "letters: 1,000 items, 26 classes, K = 100",
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
