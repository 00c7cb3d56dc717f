"""Figures of a search: how it went, what mattered, what trades off, and whether the criterion can be trusted."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from bench.show.axes import WIDTH, dress, explain_below, new_figure
from bench.show.style import BLUE, INK, ORANGE
from bench.stats.rank_correlation import RankCorrelation

_COLUMNS = 3
# The share of complete trials that may lie off the scale.
_WORST = 0.1
_GREY = "#999999"


def history_figure(criterion: str, complete: Mapping[int, float], pruned: Mapping[int, float], *, maximize: bool) -> Figure:
    """Draw what each trial reached, by its number, and the best so far; pruned ones where they were stopped."""
    figure, axes = new_figure(f"Trials by {criterion}; what lies far off is at the edge", (WIDTH, 4.2))
    low, high = _scale(list(complete.values()) or list(pruned.values()), maximize=maximize)
    # What lies far off is drawn at the edge: one hopeless trial would flatten all others.
    shown = {number: float(np.clip(value, low, high)) for number, value in pruned.items()}
    axes.plot(list(shown), list(shown.values()), "x", color=_GREY, markersize=5, label="pruned (when stopped)")
    axes.plot(list(complete), np.clip(list(complete.values()), low, high), "o", color=BLUE, markersize=5, label="complete")
    if complete:
        numbers, values = np.array(list(complete)), np.array(list(complete.values()))
        best = np.maximum.accumulate(values) if maximize else np.minimum.accumulate(values)
        axes.step(numbers, np.clip(best, low, high), where="post", color=ORANGE, linewidth=1.6, label="best so far")
    margin = 0.05 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel("trial")
    axes.set_ylabel(criterion)
    axes.legend(frameon=False, fontsize=8)
    return figure


def importance_figure(criterion: str, importances: Mapping[str, float]) -> Figure:
    """Draw the share of the criterion's spread that each parameter explains."""
    figure, axes = new_figure(f"What explains the spread of {criterion}", (6.4, 1.3 + 0.36 * len(importances)))
    dress(axes, "x")
    axes.grid(visible=False, axis="y")
    names = sorted(importances, key=importances.__getitem__)
    shares = [100 * importances[name] for name in names]
    axes.barh(names, shares, color=BLUE, height=0.62)
    for row, share in enumerate(shares):
        axes.annotate(f"{share:.0f} %", (share, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_xlim(0, max([*shares, 1]) * 1.15)
    axes.set_xlabel(f"importance for {criterion} in %")
    return figure


def front_figure(
    criteria: tuple[str, str], dominated: Sequence[tuple[float, float]], front: Mapping[int, tuple[float, float]]
) -> Figure:
    """Draw two criteria against each other, and the trials that none other beats in both."""
    figure, axes = new_figure(f"{criteria[0]} against {criteria[1]}; numbers are trials", (6.4, 4.6))
    if dominated:
        axes.plot(*zip(*dominated, strict=True), "o", color=_GREY, markersize=4, label="dominated")
    ordered = sorted(front.items(), key=lambda item: item[1][1])
    if ordered:
        axes.plot(
            [values[0] for _, values in ordered],
            [values[1] for _, values in ordered],
            "o-",
            color=ORANGE,
            markersize=6,
            linewidth=1.2,
            label="Pareto front",
        )
    for number, (x, y) in ordered:
        axes.annotate(str(number), (x, y), xytext=(5, 5), textcoords="offset points", fontsize=8)
    axes.set_xlabel(criteria[0])
    axes.set_ylabel(criteria[1])
    axes.legend(frameon=False, fontsize=8)
    return figure


def agreement_figure(pairs: Sequence[tuple[str, str, Sequence[float], Sequence[float], RankCorrelation]]) -> Figure:
    """Draw a watched criterion against each criterion, a point a trial, with their rank correlation."""
    # Four make a square.
    columns = 2 if len(pairs) == _COLUMNS + 1 else min(_COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.7 * rows), layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (one, other, x, y, correlation) in zip(every, pairs, strict=False):
        axes.plot(x, y, "o", color=BLUE, markersize=5, alpha=0.8)
        interval = "" if correlation.ci_low is None else f" ({correlation.ci_low:+.2f} to {correlation.ci_high:+.2f})"
        axes.set_title(f"Spearman's rho {correlation.rho:+.2f}{interval}", fontsize=10, loc="left", color=INK)
        axes.set_xlabel(one)
        axes.set_ylabel(other)
        dress(axes)
    for axes in every[len(pairs) :]:
        axes.set_visible(False)
    explain_below(figure, "a point is a trial")
    return figure


def _scale(values: list[float], *, maximize: bool) -> tuple[float, float]:
    """Return the range to draw: up to the best value, and down to what all but the worst tenth reach."""
    if not values:
        return 0.0, 1.0
    worst = float(np.quantile(values, _WORST if maximize else 1 - _WORST))
    best = max(values) if maximize else min(values)
    return min(worst, best), max(worst, best)
