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
# Between two columns of a table in the terminal; the least that is left of a name.
_GAP, _LEAST_NAME = 3, 10
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
    """Return the table for a terminal. Where it is too narrow, detail goes, never digits.

    First second lines (intervals) are dropped, then names are cut, then the last columns are left out, which a note says.
    """
    headers, rows, notes = grid.headers, grid.rows, grid.notes
    if not grid.wrap and sum(_widths(headers, rows)) > width:
        rows = tuple(tuple(cell.partition("\n")[0] for cell in row) for row in rows)
        shown = _fitting(_widths(headers, rows), grid.left, width)
        if shown < len(headers):
            notes = (*notes, _left_out(len(headers) - shown))
            headers, rows = headers[:shown], tuple(row[:shown] for row in rows)
    widths = _cut_names(_widths(headers, rows), grid.left, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, header in enumerate(headers):
        size = None if grid.wrap else widths[index] - (_GAP if index < len(headers) - 1 else 0)
        table.add_column(header, justify="left" if index in grid.left else "right", no_wrap=index not in grid.wrap, width=size)
    for row in rows:
        table.add_row(*(Text(cell, style=grid.colors.get(cell, "")) for cell in row))
    return Group(Text(grid.title, style="bold"), *(Text(note, style="dim") for note in notes), table)


def _widths(headers: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> list[int]:
    """Return the width of each column, with the gap to the next."""
    lines = [[max(map(len, cell.split("\n"))) for cell in row] for row in (headers, *rows)]
    widths = [max(column) + _GAP for column in zip(*lines, strict=True)]
    return [*widths[:-1], widths[-1] - _GAP]


def _left_out(count: int) -> str:
    return f"{count} more column{'s need' if count > 1 else ' needs'} a wider terminal, or --format csv"


def _cut_names(widths: list[int], left: frozenset[int], width: int) -> list[int]:
    """Return widths that fit; what is missing is taken from the widest names."""
    widths = list(widths)
    names = [index for index in range(len(widths)) if index in left]
    while sum(widths) > width and any(widths[index] > _LEAST_NAME + _GAP for index in names):
        widths[max(names, key=widths.__getitem__)] -= 1
    return widths


def _fitting(widths: list[int], left: frozenset[int], width: int) -> int:
    """Return how many columns fit, names cut to their least."""
    least = [min(size, _LEAST_NAME + _GAP) if index in left else size for index, size in enumerate(widths)]
    # No gap follows the last column that is shown.
    fits = [count for count in range(len(least)) if sum(least[:count]) - _GAP <= width]
    return len(least) if sum(least) <= width else max(1, *fits)


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
