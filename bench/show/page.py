"""A run or a suite as one self-contained HTML page, which sends no requests: the answer first, the rest folded below it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.show.grid import Cell, Grid
from bench.show.svg import Picture, scheme

_HERE = Path(__file__).parent
_NUMBER = re.compile(r"^\s*(?:[<>+]\s*)?(-?[\d,]*\.?\d+)")


@dataclass(frozen=True)
class Sentence:
    """A part of the answer, and the question that it answers."""

    question: str
    lead: str
    """The answer in a few words."""
    text: str = ""
    """What belongs to it; goes on where `lead` ends."""


@dataclass(frozen=True)
class Command:
    """A command to run next, and what it does."""

    does: str
    command: str


@dataclass(frozen=True)
class Section:
    """A table on the page."""

    id: str
    title: str
    grid: Grid
    tools: bool = True
    """Whether it can be sorted, filtered, and columns hidden."""
    printed: bool = True
    """Whether paper has room for it."""

    def kind(self, index: int) -> str:
        """Return what a column holds, as the page's script sorts it: words, or numbers by which more or less is better."""
        if index in self.grid.left:
            return "left"
        return "num n-asc" if "labels" in self.grid.headers[index] else "num n-desc"

    @staticmethod
    def order(cell: Cell) -> str:
        """Return the number in a cell, by which its column is sorted; empty for none, which comes last."""
        found = _NUMBER.match(cell.text)
        return found[1].replace(",", "") if found else ""


@dataclass(frozen=True)
class Fold:
    """A part of the page that opens."""

    id: str
    title: str
    about: str = ""
    """What is in it, in a line."""
    sections: Sequence[Section] = ()
    figures: Sequence[Picture] = ()
    details: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Names of lists, their keys and values."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.sections or self.figures or any(self.details.values()))


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    title: str
    about: str
    """What the data are, in a line."""
    answer: Sequence[Sentence]
    next_steps: Sequence[Command]
    figure: Picture | None
    top: Section | None
    """At most eight rows."""
    folds: Sequence[Fold]
    failures: Sequence[str]
    unfinished: str
    """What is missing, in words; empty for a run that is done."""
    n_records: int

    @cached_property
    def shown_folds(self) -> list[Fold]:
        """The folds that hold something."""
        return [fold for fold in self.folds if not fold.empty]

    @property
    def unprinted(self) -> list[str]:
        """Titles of the tables that paper has no room for."""
        return [section.title for fold in self.folds for section in fold.sections if not section.printed]

    @property
    def figures(self) -> Iterator[Picture]:
        """All figures."""
        yield from () if self.figure is None else (self.figure,)
        for fold in self.folds:
            yield from fold.figures

    @property
    def scheme(self) -> tuple[tuple[str, str, str], ...]:
        """Colours of all figures: variable, on a light page, on a dark one."""
        return scheme(frozenset[str]().union(*(figure.colors for figure in self.figures)))


def templates() -> Environment:
    """Return the package's templates; every text they are given is escaped."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["together"] = together
    return made


def together(text: str) -> str:
    """Keep a number on one line with its sign of percent."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def render_page(page: Page) -> str:
    """Return the page as HTML."""
    return templates().get_template("report.html").render(page=page, library=library())


def library() -> Markup:
    """Return the script that sorts and filters tables (DataTables, MIT; its licence lies beside it)."""
    return Markup((_HERE / "vendor" / "datatables.min.js").read_text(encoding="utf-8"))  # noqa: S704 - ours
