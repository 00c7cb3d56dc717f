"""A small label-efficiency plot per set."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from bench.show.axes import dress, log_budgets
from bench.show.style import INK, QUIET, looks_of
from bench.suite.open_suite import OpenSuite

_HEAD, _RIVALS, _ACROSS = 4, 3, 3
# Width of a panel in inches.
_PANEL = 2.9


@dataclass(frozen=True, eq=False)
class Panel:
    """One set."""

    name: str
    n_labeled: Int[np.ndarray, " b"]
    means: Float[np.ndarray, "k b"]
    chance: float


@dataclass(frozen=True, eq=False)
class Panels:
    """What the figure shows."""

    methods: tuple[str, ...]
    panels: tuple[Panel, ...]
    measure: str


def data(suite: OpenSuite) -> Panels:
    """Take the head of the ranking and the best methods that see the items alone."""
    scores = suite.scores
    ranked = [one.method for one in suite.ranking.standings]
    rivals = [method for method in ranked if method in suite.without_model][:_RIVALS]
    methods = tuple(method for method in ranked if method in ranked[:_HEAD] or method in rivals)
    rows = [scores.methods.index(method) for method in methods]
    panels = (
        Panel(name, scores.n_labeled[i, rising], scores.means[i][rows][:, rising], float(scores.chance[i]))
        for i, (name, rising) in enumerate(zip(scores.sets, map(scores.rising, range(len(scores.sets))), strict=True))
    )
    return Panels(methods, tuple(panels), suite.measure)


def draw(data: Panels) -> Figure:
    """Draw a panel per set, with one legend for all."""
    across = min(_ACROSS, len(data.panels))
    down = math.ceil(len(data.panels) / across)
    figure = Figure(figsize=(_PANEL * across + 0.4, 2.35 * down + 0.5), layout="constrained")
    grid = np.atleast_1d(figure.subplots(down, across, squeeze=False)).ravel()
    looks = looks_of(data.methods)
    for axes, panel in zip(grid, data.panels, strict=False):
        for method, means in zip(data.methods, panel.means, strict=True):
            look = looks[method]
            axes.plot(
                panel.n_labeled,
                100 * means,
                look.line,
                color=look.color,
                marker=look.marker,
                markersize=3.5,
                linewidth=1.3,
                label=method,
            )
        axes.axhline(100 * panel.chance, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
        axes.set_title(panel.name, fontsize=9.5, loc="left", color=INK)
        dress(axes)
        log_budgets(axes, [int(n) for n in panel.n_labeled], _PANEL)
        axes.set_xlabel("")
        axes.tick_params(labelsize=7)
    for axes in grid[len(data.panels) :]:
        axes.set_axis_off()
    figure.supxlabel("labels shown (dashed: always the largest class)", fontsize=9)
    figure.supylabel(f"{data.measure} in %", fontsize=9)
    figure.legend(
        *grid[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=min(4, len(data.methods)),
        frameon=False,
        fontsize=8.5,
        handlelength=3.2,
    )
    return figure
