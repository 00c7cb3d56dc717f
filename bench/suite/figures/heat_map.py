"""A heat map: set by method."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from bench.stats.aggregate import normalised_areas
from bench.suite.open_suite import OpenSuite

_CELL, _ROW = 0.62, 0.27
_DARK = 0.55


@dataclass(frozen=True, eq=False)
class HeatMap:
    """What the figure shows."""

    methods: tuple[str, ...]
    sets: tuple[str, ...]
    values: Float[np.ndarray, "k d"]
    """Normalised areas, means over draws."""


def data(suite: OpenSuite) -> HeatMap:
    """Compute how far each method gets on each set, methods in the order of the ranking."""
    scores = suite.scores
    methods = tuple(one.method for one in suite.ranking.standings)
    values = np.nanmean(normalised_areas(scores), axis=2)
    return HeatMap(methods, scores.sets, values[:, [scores.methods.index(method) for method in methods]].T)


def draw(data: HeatMap) -> Figure:
    """Draw a cell per method and set, with its number."""
    k, d = data.values.shape
    figure = Figure(figsize=(2.4 + _CELL * max(d, 5) + 0.8, 1.3 + _ROW * k), layout="constrained")
    axes = figure.subplots()
    lowest = min(0.5, float(data.values.min()))
    image = axes.imshow(data.values, cmap="Blues", vmin=lowest, vmax=1, aspect="auto")
    best = data.values.max(axis=0)
    for i in range(k):
        for j in range(d):
            value = data.values[i, j]
            axes.text(
                j,
                i,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                fontweight="bold" if value == best[j] else "normal",
                color="white" if (value - lowest) / (1 - lowest) > _DARK else "#222222",
                # Inside its cell: measuring hundreds of texts is half the work of drawing.
                in_layout=False,
            )
    axes.set_xticks(range(d), data.sets, rotation=35, ha="right", fontsize=8.5)
    axes.set_yticks(range(k), data.methods, fontsize=8.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.6, format=lambda value, _: f"{100 * value:.0f}").outline.set_visible(False)
    axes.set_title("normalised score, mean over the log of the number of labels", fontsize=10.5)
    return figure
