"""What `select` and `label` show: a contact sheet, tables, and a reliability figure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped
from matplotlib.figure import Figure

from bench.show.grid import Grid
from bench.show.pictures import drawable
from bench.stats.calibration import Bin
from bench.stats.intervals import Interval

_COLUMNS, _MAX_PICTURES = 12, 600
_INK, _QUIET = "#0072b2", "#666666"


@dataclass(frozen=True, eq=False)
class Card:
    """One item to look at."""

    number: int
    """Position in the order of asking, from 1."""
    item: int
    id: str
    """Its name, where it has one."""
    sampler: str
    reason: str
    cluster: int
    cluster_size: int
    picture: Shaped[np.ndarray, "h w *c"]


def contact_sheet(cards: Sequence[Card], title: str) -> Figure:
    """Draw the first 600 items, with their numbers and clusters."""
    shown = cards[:_MAX_PICTURES]
    columns = min(_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    # Laid out by hand: matplotlib's own layout takes half a minute for hundreds of pictures.
    height = 1.35 * rows + 0.6
    figure = Figure(figsize=(1.05 * columns + 0.3, height))
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.75 / height, 0.1, 0.45)
    more = f"; the first {len(shown):,} of {len(cards):,}" if len(cards) > len(shown) else ""
    figure.suptitle(title + more, fontsize=11)
    grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, card in zip(grid, shown, strict=False):
        axes.imshow(drawable(card.picture), cmap="gray", interpolation="nearest")
        axes.set_title(f"{card.number}: item {card.item}\ncluster {card.cluster} ({card.cluster_size:,})", fontsize=6.5)
    return figure


def percent(interval: Interval) -> str:
    """Return a share in percent with its interval."""
    return interval.text(100, unit=" %")


def classes_grid(class_names: Sequence[str], given: Sequence[int], told: Sequence[int], probability: Sequence[float]) -> Grid:
    """Return, for each class: labels given, items labelled with it, and their mean probability."""
    return Grid(
        "Classes",
        ("class", "labels given", "items told", "mean probability"),
        tuple(
            (name, f"{n_given:,}", f"{n_told:,}", "-" if math.isnan(mean) else f"{mean:.2f}")
            for name, n_given, n_told, mean in zip(class_names, given, told, probability, strict=True)
        ),
    )


def reliability_figure(bins: Sequence[Bin], error: float, about: str) -> Figure:
    """Draw accuracy against confidence, with intervals; calibrated probabilities lie on the diagonal."""
    figure = Figure(figsize=(5.2, 4.9), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color=_QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    x, y = (100 * np.array([getattr(bin_, name) for bin_ in bins]) for name in ("confidence", "accuracy"))
    low, high = (100 * np.array([getattr(bin_, name) for bin_ in bins]) for name in ("ci_low", "ci_high"))
    axes.errorbar(x, y, np.maximum([y - low, high - y], 0), fmt="o", color=_INK, capsize=2, linewidth=1)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xlabel("probability of the class told, in % (mean of a bin)")
    axes.set_ylabel("told right, in %")
    axes.set_title(f"{about}\nexpected calibration error {100 * error:.1f} %", fontsize=10)
    axes.spines[["right", "top"]].set_visible(False)
    return figure
