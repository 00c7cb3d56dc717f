"""A table as data, and the one way to render it: terminal, markdown, CSV, LaTeX."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.wording import escape_markdown, one_line

_LATEX = {character: "\\" + character for character in "&%_#${}"} | {
    "[": "{[}", "*": "{*}",
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", ">": "$>$", "<": "$<$"
}  # fmt: skip
# Spaces between columns in the terminal, as a rule and where room is scarce; and the least width of a name.
_WIDE_GAP, _NARROW_GAP, _LEAST_NAME = 3, 1, 10
_NO_ROOM = "what stands below the numbers needs a wider terminal, or --format csv"
FORMATS = ("rich", "markdown", "csv", "latex")


@dataclass(frozen=True)
class Cell:
    """A cell of a table. A plain text is a cell too; its second line is what stands below."""

    text: str
    below: str = ""
    """An interval, or a reason."""
    beside: str = ""
    """The same for formats with one line a row, which put it into brackets; empty: as below."""
    best: bool = False
    """Whether it is the best of its column."""
    mark: str = ""
    """A sign after the text in the terminal."""
    remark: str = ""
    """What the sign means, for the other formats."""
    style: str = ""
    """In the terminal."""


@dataclass(frozen=True)
class Note:
    """A note about what stands below the numbers."""

    text: str
    narrow: str
    """The note if there is no room for that."""


@dataclass(frozen=True)
class Grid:
    """Rows of cells under headers; the first column says what a row is about."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    notes: tuple[Note | str, ...] = ()
    left: frozenset[int] = field(default_factory=lambda: frozenset({0}))
    """Columns aligned to the left: names, which may break at blanks. The others hold numbers."""
    wrap: frozenset[int] = frozenset()
    """Columns of long texts, which may break into lines; the others never do."""
    colors: dict[str, str] = field(default_factory=dict)
    """Style of a cell in the terminal, by its text."""
    data: tuple[tuple[object, ...], ...] = ()
    """The same as numbers for CSV, a row each, headers first; empty: the texts themselves."""
    dense: bool = False
    """Whether columns stand close together in the terminal."""
    footer: str = ""
    """What is said after the table, in the terminal alone."""

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows, every text made a cell."""
        return tuple(tuple(_cell(cell) for cell in row) for row in self.rows)

    @property
    def said(self) -> tuple[str, ...]:
        """The notes where there is room for everything."""
        return tuple(note.text if isinstance(note, Note) else note for note in self.notes)


def _cell(value: Cell | str) -> Cell:
    if isinstance(value, Cell):
        return value
    text, _, below = value.partition("\n")
    return Cell(text, below)


@dataclass(frozen=True)
class _Layout:
    """How a table fits into a terminal."""

    gap: int
    widths: tuple[int, ...]
    """Of the columns that are shown."""
    below: bool
    """Whether second lines are shown."""


def render_grid(grid: Grid, width: int = 80) -> RenderableType:
    """Return the table for a terminal. If that is too narrow, details are dropped, never digits, and a note says what is missing.

    First columns move together and names break into lines, then second lines (intervals) are dropped, then the last columns.
    """
    gap = _NARROW_GAP if grid.dense else _WIDE_GAP
    layout = None if grid.wrap else _layout(grid, width)
    shown = len(grid.headers) if layout is None else len(layout.widths)
    with_below = layout is None or layout.below
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, ((layout.gap if layout else gap) - _NARROW_GAP) // 2)
    )
    for index, header in enumerate(grid.headers[:shown]):
        is_name = index in grid.left
        table.add_column(
            header,
            justify="left" if is_name else "right",
            no_wrap=index not in grid.wrap and not (layout and is_name),
            width=None if layout is None else layout.widths[index],
        )
    for row in grid.cells:
        table.add_row(*(_rich(cell, grid.colors, below=with_below) for cell in row[:shown]))
    notes = [Text(note, style="dim") for note in _notes(grid, below=with_below, n_hidden=len(grid.headers) - shown)]
    footer = [Text(f"\n{grid.footer}", style="dim")] if grid.footer else []
    return Group(Text(grid.title, style="bold"), *notes, table, *footer)


def _notes(grid: Grid, *, below: bool, n_hidden: int) -> list[str]:
    notes = [note if isinstance(note, str) else note.text if below else note.narrow for note in grid.notes]
    if not below and not any(isinstance(note, Note) for note in grid.notes):
        notes.append(_NO_ROOM)
    if n_hidden:
        notes.append(f"{n_hidden} more column{'s need' if n_hidden > 1 else ' needs'} a wider terminal, or --format csv")
    return notes


def _rich(cell: Cell, colors: dict[str, str], *, below: bool) -> Text:
    text = Text(cell.text, style="bold green" if cell.best else cell.style or colors.get(cell.text, ""))
    if cell.mark:
        text.append(cell.mark, style="bold red")
    if below and cell.below:
        text.append(f"\n{cell.below}", style="dim not bold")
    return text


def _layout(grid: Grid, width: int) -> _Layout:
    gaps = (_NARROW_GAP,) if grid.dense else (_WIDE_GAP, _NARROW_GAP)
    for below in (True, False) if any(cell.below for row in grid.cells for cell in row) else (True,):
        full, least = _widths(grid, below=below), _least_widths(grid, below=below)
        for gap in gaps:
            if _total(full, gap) <= width:
                return _Layout(gap, tuple(full), below)
        if _total(least, _NARROW_GAP) <= width:
            return _Layout(_NARROW_GAP, _between(least, full, width), below)
    fits = [count for count in range(1, len(least)) if _total(least[:count], _NARROW_GAP) <= width]
    count = fits[-1] if fits else 1
    return _Layout(_NARROW_GAP, _between(least[:count], full[:count], width), below)


def _widths(grid: Grid, *, below: bool) -> list[int]:
    """Return the width that each column needs with its names on one line."""
    return [
        max(len(header), *(max(len(cell.text + cell.mark), len(cell.below) * below) for cell in column), 0)
        for header, column in zip(grid.headers, _columns(grid), strict=True)
    ]


def _least_widths(grid: Grid, *, below: bool) -> list[int]:
    """Return the width that each column needs with its names broken at blanks."""
    words = [
        max((len(word) for text in (header, *(cell.text for cell in column)) for word in text.split()), default=0)
        for header, column in zip(grid.headers, _columns(grid), strict=True)
    ]
    return [
        min(full, max(_LEAST_NAME, words[index])) if index in grid.left else full
        for index, full in enumerate(_widths(grid, below=below))
    ]


def _columns(grid: Grid) -> list[Sequence[Cell]]:
    return [[row[index] for row in grid.cells] for index in range(len(grid.headers))]


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _between(least: Sequence[int], full: Sequence[int], width: int) -> tuple[int, ...]:
    """Return widths that fit: what room there is goes first to the names that lack the fewest characters."""
    widths, room = list(least), width - _total(least, _NARROW_GAP)
    for index in sorted(range(len(widths)), key=lambda index: full[index] - least[index]):
        more = max(0, min(full[index] - least[index], room))
        widths[index] += more
        room -= more
    return tuple(widths)


def to_text(grid: Grid, format_: str) -> str:
    """Return the table as `markdown`, `csv` or `latex`."""
    return {"markdown": _markdown, "csv": _csv, "latex": _latex}[format_](grid)


def escape_latex(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    return "".join(_LATEX.get(character, character) for character in one_line(text))


def _one_line(cell: Cell, escape: Callable[[str], str], bold: Callable[[str], str] = str) -> str:
    """Return a cell with what stands below it in brackets beside it."""
    text = bold(escape(cell.text)) if cell.best else escape(cell.text)
    beside = cell.beside or cell.below
    return text + (f" [{escape(beside)}]" if beside else "") + (f" ({escape(cell.remark)})" if cell.remark else "")


def _markdown(grid: Grid) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    marks = "|" + "".join("---|" if index in grid.left else "---:|" for index in range(len(grid.headers)))
    notes = [f"{escape_markdown(note)}  " for note in grid.said]
    lines = [f"**{escape_markdown(grid.title)}**", "", *notes, *([""] if grid.notes else [])]
    rows = [line([_one_line(cell, escape_markdown, lambda text: f"**{text}**") for cell in row]) for row in grid.cells]
    return "\n".join([*lines, line([escape_markdown(header) for header in grid.headers]), marks, *rows]) + "\n"


def _csv(grid: Grid) -> str:
    file = io.StringIO()
    texts = [grid.headers, *([_one_line(cell, str) for cell in row] for row in grid.cells)]
    csv.writer(file, lineterminator="\n").writerows(grid.data or texts)
    return file.getvalue()


def _latex(grid: Grid) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(cells) + r" \\"

    columns = "".join("l" if index in grid.left else "r" for index in range(len(grid.headers)))
    lines = [f"% {one_line(text)}" for text in (grid.title, *grid.said)] + [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    rows = [line([_one_line(cell, escape_latex, lambda text: rf"\textbf{{{text}}}") for cell in row]) for row in grid.cells]
    header = line([escape_latex(text) for text in grid.headers])
    return "\n".join([*lines, header, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]) + "\n"
