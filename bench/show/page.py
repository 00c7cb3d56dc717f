"""A run as one self-contained HTML page, which sends no requests."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from bench.show.grid import Grid
from bench.store.fonts import save_drawn

_DPI = 110


@dataclass(frozen=True)
class Section:
    """A table on the page."""

    id: str
    title: str
    grid: Grid


@dataclass(frozen=True)
class Picture:
    """A figure as the page embeds it."""

    name: str
    caption: str
    png: str
    """Base64."""
    width: int
    height: int
    """In CSS pixels."""


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    title: str
    headline: str
    note: str
    sections: Sequence[Section]
    figures: Sequence[Picture]
    failures: Sequence[str]
    unfinished: str
    """What is missing, in words; empty for a run that is done."""
    n_records: int
    details: Mapping[str, Mapping[str, str]]
    """Name of a section, its keys and values."""


def templates() -> Environment:
    """Return the package's templates; every text they are given is escaped."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def render_page(page: Page) -> str:
    """Return the page as HTML."""
    return templates().get_template("report.html").render({name: getattr(page, name) for name in Page.__dataclass_fields__})


def embed(name: str, caption: str, figure: Figure) -> Picture:
    """Turn a figure into a picture for the page."""
    buffer = io.BytesIO()
    save_drawn(figure, buffer, format="png", dpi=_DPI)
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return Picture(name, caption, base64.b64encode(buffer.getvalue()).decode("ascii"), width, height)
