"""The critical-difference diagram (Demšar 2006)."""

import math

from matplotlib.figure import Figure

from bench.suite.open_suite import OpenSuite
from bench.suite.ranked import Ranking

_ROW, _GREY = 0.26, "#666666"


def data(suite: OpenSuite) -> Ranking | None:
    """Rank the methods; `None` where ranks cannot be tested."""
    ranking = suite.ranking
    return None if ranking.test is None else ranking


def draw(data: Ranking) -> Figure:
    """Draw ranks on an axis, names beside it, and bars over what cannot be told apart."""
    test, methods = data.test, data.standings
    assert test is not None  # noqa: S101 - `data` returns no other
    k, groups = len(methods), data.groups
    left = math.ceil(k / 2)
    height = 1.0 + _ROW * (left + len(groups))
    figure = Figure(figsize=(8.4, height), layout="constrained")
    axes = figure.subplots()
    # Positions are in rows below the axis, so that names keep their distance whatever the height.
    top, first_name = 0.0, len(groups) + 1.0
    axes.set_xlim(1 - 0.32 * (k - 1), k + 0.32 * (k - 1))
    axes.set_ylim(first_name + left, top - 2.6)
    axes.set_axis_off()
    axes.plot([1, k], [top, top], color="black", linewidth=1)
    step = max(1, math.ceil(k / 12))
    for rank in range(1, k + 1, step):
        axes.plot([rank, rank], [top, top - 0.3], color="black", linewidth=1)
        axes.annotate(str(rank), (rank, top - 0.45), ha="center", va="bottom", fontsize=8.5)
    difference = test.critical_difference
    if difference < k - 1:
        axes.plot([1, 1 + difference], [top - 1.5, top - 1.5], color=_GREY, linewidth=1.5, marker="|", markersize=7)
        axes.annotate(
            f"critical difference {difference:.1f}", (1 + difference / 2, top - 1.65), ha="center", va="bottom", fontsize=8.5
        )
    for row, group in enumerate(groups, 1):
        ranks = [one.rank for one in methods if one.method in group]
        axes.plot([min(ranks), max(ranks)], [row * 0.8, row * 0.8], color="black", linewidth=3, solid_capstyle="round")
    for place, one in enumerate(methods):
        on_left = place < left
        row_of_name = first_name + (place if on_left else k - 1 - place)
        edge = 1 - 0.04 * (k - 1) if on_left else k + 0.04 * (k - 1)
        axes.plot([one.rank, one.rank, edge], [top, row_of_name, row_of_name], color=_GREY, linewidth=0.8, zorder=0)
        axes.annotate(
            f"{one.method}  {one.rank:.1f}" if on_left else f"{one.rank:.1f}  {one.method}",
            (edge, row_of_name),
            xytext=(-4 if on_left else 4, 0),
            textcoords="offset points",
            ha="right" if on_left else "left",
            va="center",
            fontsize=8.5,
        )
    return figure
