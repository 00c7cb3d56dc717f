"""A plain table as data, and its renderings: terminal, markdown, LaTeX, CSV."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_LATEX = {character: "\\" + character for character in "&%_#${}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", ">": "$>$", "<": "$<$"
}  # fmt: skip
FORMATS = ("rich", "markdown", "csv", "latex")


@dataclass(frozen=True)
class Grid:
    """Rows of texts under headers; the first column says what a row is about."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    left: frozenset[int] = field(default_factory=lambda: frozenset({0}))
    """Columns aligned to the left; the others hold numbers."""
    wrap: frozenset[int] = frozenset()
    """Columns of long texts, which may break into lines; the others never do."""
    colors: dict[str, str] = field(default_factory=dict)
    """Style of a cell in the terminal, by its text."""
    data: tuple[tuple[object, ...], ...] = ()
    """The same as numbers for CSV, a row each, headers first; empty: the texts themselves."""


def render_grid(grid: Grid, width: int = 80) -> RenderableType:
    """Return the table for a terminal; where it is too narrow, second lines (intervals) are dropped, never digits."""
    lines = [[max(map(len, cell.split("\n"))) for cell in row] for row in (grid.headers, *grid.rows)]
    fits = bool(grid.wrap) or sum(map(max, zip(*lines, strict=True))) + 2 * (len(grid.headers) - 1) <= width
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, header in enumerate(grid.headers):
        left = index in grid.left
        table.add_column(header, justify="left" if left else "right", no_wrap=index not in grid.wrap)
    for row in grid.rows:
        shown = row if fits else tuple(cell.partition("\n")[0] for cell in row)
        table.add_row(*(Text(cell, style=grid.colors.get(cell, "")) for cell in shown))
    return Group(Text(grid.title, style="bold"), *(Text(note, style="dim") for note in grid.notes), table)


def to_text(grid: Grid, format_: str) -> str:
    """Return the table as `markdown`, `csv` or `latex`."""
    return {"markdown": _markdown, "csv": _csv, "latex": _latex}[format_](grid)


def escape_latex(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    return "".join(_LATEX.get(character, character) for character in text)


def _one_line(rows: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    """Put what stands below a number, its interval, into brackets beside it."""
    return [
        tuple(f"{top} [{below}]" if below else top for top, _, below in (cell.partition("\n") for cell in row)) for row in rows
    ]


def _markdown(grid: Grid) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"

    marks = "|" + "".join("---|" if index in grid.left else "---:|" for index in range(len(grid.headers)))
    lines = [f"**{grid.title}**", "", *(f"{note}  " for note in grid.notes), *([""] if grid.notes else [])]
    return "\n".join([*lines, line(grid.headers), marks, *map(line, grid.rows)]) + "\n"


def _csv(grid: Grid) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(grid.data or [grid.headers, *_one_line(grid.rows)])
    return file.getvalue()


def _latex(grid: Grid) -> str:
    def line(cells: tuple[str, ...], change: Callable[[str], str] = escape_latex) -> str:
        return " & ".join(map(change, cells)) + r" \\"

    columns = "".join("l" if index in grid.left else "r" for index in range(len(grid.headers)))
    lines = [f"% {text}" for text in (grid.title, *grid.notes)] + [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    return (
        "\n".join([*lines, line(grid.headers), r"\midrule", *map(line, _one_line(grid.rows)), r"\bottomrule", r"\end{tabular}"])
        + "\n"
    )
