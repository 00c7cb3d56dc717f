"""The house style of figures: titles, grids, budgets on a log scale, names at the ends of lines, sizes for print."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, NullLocator

from bench.show.style import FAINT, GRID, INK, QUIET, Look, readable

WIDTH = 7.2
"""Of a figure in inches, as a rule: A4 and letter paper leave that much between their margins."""
_TITLE, _TEXT, _SMALL = 10.5, 9.0, 8.0
# A figure for one column of a paper shrinks, its letters less: below this share of their size they cannot be read.
_LEAST_TEXT = 0.72
_END = "end-of-line"
_POINTS_PER_INCH = 72
# Of one name above the next, in heights of letters.
_LEADING = 1.15


def new_figure(title: str, size: tuple[float, float] = (WIDTH, 4.4)) -> tuple[Figure, Axes]:
    """Return an empty figure in the house style."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=_TITLE, loc="left", color=INK, wrap=True)
    dress(axes)
    return figure, axes


def dress(axes: Axes, grid: Literal["x", "y"] = "y") -> None:
    """Give axes the house style; `grid` names the axis whose values are compared."""
    axes.grid(axis=grid, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(color=QUIET, labelcolor=INK, labelsize=_TEXT)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=_TEXT, color=INK)


def explain_below(figure: Figure, text: str) -> None:
    """Say below a figure how it is to be read."""
    figure.supxlabel(text, fontsize=_SMALL, color=QUIET, x=0.01, ha="left", wrap=True)


@dataclass(frozen=True)
class Points:
    """A line of a figure: a mean at some values of x, with an interval where there is one."""

    name: str
    look: Look
    x: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    marker: str | None = None
    """In the place of the look's, open: the same method with items that were chosen."""
    bold: bool = True
    """Whether the line is thick and has its band."""


def draw_lines(axes: Axes, chief: Sequence[Points], others: Sequence[Points] = ()) -> None:
    """Draw chief lines in colour with bands, named at their ends, and others in grey behind them."""
    for line in others:
        axes.plot(line.x, line.mean, "-", color=FAINT, linewidth=0.8, zorder=1, label=f"_{line.name}")
    for line in chief:
        look = line.look
        drawn = axes.plot(
            line.x, line.mean, look.line, color=look.color, marker=look.marker, markersize=4.5 if line.bold else 3.5,
            linewidth=2.0 if line.bold else 1.1, label=line.name,
        )  # fmt: skip
        if line.marker is not None:
            drawn[0].set(marker=line.marker, markerfacecolor="none", markersize=6)
        if line.bold and line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, color=look.color, alpha=0.13, linewidth=0)
            # The edges tell bands apart where several lie on each other.
            axes.plot(line.x, line.low, line.x, line.high, color=look.color, alpha=0.35, linewidth=0.5, zorder=1.5)
    for line in chief:
        if len(line.x):
            color = line.look.color
            leader = {"arrowstyle": "-", "color": color, "linewidth": 0.5, "alpha": 0.6, "shrinkA": 1, "shrinkB": 4}
            axes.annotate(
                line.name, (line.x[-1], line.mean[-1]), xytext=(1.03, line.mean[-1]), textcoords=("axes fraction", "data"),
                va="center", fontsize=_SMALL, color=readable(color), label=_END, annotation_clip=False,
                arrowprops=leader | {"relpos": (0, 0.5)},
            )  # fmt: skip


def spread_names(axes: Axes) -> None:
    """Move the names at the ends of lines apart, so that none covers another; called when the scale is settled."""
    notes = [text for text in axes.texts if isinstance(text, Annotation) and text.get_label() == _END]
    if not notes:
        return
    figure = axes.get_figure(root=True)
    if figure is not None and (layout := figure.get_layout_engine()) is not None:
        # Only now is it known how much of the figure the axes take.
        layout.execute(figure)
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height * _POINTS_PER_INCH / axes.figure.dpi
    apart = abs(high - low) * float(notes[0].get_fontsize()) * _LEADING / height
    notes.sort(key=lambda note: note.xy[1])
    for note, y in zip(notes, _spread([note.xy[1] for note in notes], apart, min(low, high), max(low, high)), strict=True):
        note.set_y(y)


def _spread(values: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Return sorted values at least `apart` from each other, as near to where they were as can be, inside bounds if they fit."""
    # Blocks of values that touch: their mean, and how many there are.
    blocks: list[tuple[float, int]] = []
    means: list[float] = []
    for value in values:
        mean, count = value, 1
        while blocks and blocks[-1][0] + (blocks[-1][1] - 1) * apart / 2 + apart > mean - (count - 1) * apart / 2:
            other, n = blocks.pop()
            mean, count = (other * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    for mean, count in blocks:
        means += [mean + (index - (count - 1) / 2) * apart for index in range(count)]
    # Bounds as far from each other as values must be: what lies on them is spread, too.
    lowest = [low + index * apart for index in range(len(means))]
    highest = [high - index * apart for index in range(len(means))][::-1]
    return [max(least, min(most, mean)) for mean, least, most in zip(means, lowest, highest, strict=True)]


def fit_width(figure: Figure, inches: float) -> None:
    """Make a figure as wide as the column that it is meant for; letters shrink less than the rest."""
    width, height = figure.get_size_inches()
    share = inches / width
    text = min(1.0, max(share, _LEAST_TEXT))
    # Where letters shrink less than the rest, there must be room for them.
    figure.set_size_inches(inches, height * share * (text / share) ** 0.5)
    for one in figure.findobj(Text):
        one.set_fontsize(float(one.get_fontsize()) * text)
    for axes in figure.axes:
        axes.tick_params(labelsize=_TEXT * text)
        for line in axes.lines:
            line.set(linewidth=line.get_linewidth() * text, markersize=line.get_markersize() * text)
        spread_names(axes)


def log_budgets(axes: Axes, budgets: Sequence[int], width: float = WIDTH) -> None:
    """Give the budgets as counts on a log scale; `width` is the figure's, in inches."""
    positions = [float(n) for n in budgets]
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(positions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(positions, apart(positions, [f"{n:,}" for n in budgets], 0.11 / width))
    axes.set_xlabel("labels shown")


def apart(positions: list[float], texts: list[str], character: float) -> list[str]:
    """Return the texts of ticks on a log scale, empty where one would touch the text before it."""
    shown, last = texts[:1], 0
    for index in range(1, len(positions)):
        gap = math.log(positions[index] / positions[last]) / math.log(positions[-1] / positions[0])
        fits = gap >= character * ((len(texts[last]) + len(texts[index])) / 2 + 1)
        shown.append(texts[index] if fits else "")
        last = index if fits else last
    return shown
