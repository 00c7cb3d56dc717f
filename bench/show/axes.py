"""The house style of figures: titles, grids, budgets on a log scale."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

GREY = "#666666"


def new_figure(title: str, size: tuple[float, float] = (7.2, 4.4)) -> tuple[Figure, Axes]:
    """Return an empty figure in the house style."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=10.5)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def log_budgets(axes: Axes, budgets: Sequence[int]) -> None:
    """Give the budgets as counts on a log scale."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(n) for n in budgets]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([float(n) for n in budgets], [f"{n:,}" for n in budgets])
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
