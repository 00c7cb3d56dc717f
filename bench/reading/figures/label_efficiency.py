"""Accuracy against the number of labels: a line per method, with its interval."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from bench.plan.samplers import RANDOM
from bench.reading.open_run import OpenRun
from bench.show.axes import apart
from bench.show.style import looks_of
from bench.stats.curves import curves
from bench.stats.seeds import LOWER_IS_BETTER, TARGET

# Above the first number of lines only one K is drawn; above the second, bands are fainter.
_MANY_LINES, _FEW_LINES = 24, 8
# Width of a character in shares of the axis: of the texts below it, and of the smaller ones above it.
_CHARACTER, _SMALL_CHARACTER = 0.013, 0.0095
_CHOSEN_MARKERS = ("D", "s", "^", "v", "P", "X", "h")


@dataclass(frozen=True, eq=False)
class Lines:
    """What the figure shows."""

    curves: pd.DataFrame
    """As `bench.stats.curves.curves` returns them."""
    about: str
    metric: str = "accuracy"


def data(run: OpenRun, metric: str = "accuracy") -> Lines:
    """Compute a line per method, sampler and K, or of one K if those are too many."""
    lines = curves(run.records, metric)
    if lines["label"].nunique() <= _MANY_LINES or lines["n_components"].nunique() < 2:
        return Lines(lines, run.about(), metric)
    # Too many lines to follow: take those of the K that most methods have.
    methods = lines.dropna(subset=["n_components"]).groupby("n_components")["method"].nunique()
    k = max(methods.index, key=lambda k: (methods[k], k))
    records = run.records[(run.records["n_components"] == k) | run.records["n_components"].isna()]
    return Lines(curves(records, metric), f"{run.about()}; K = {k}", metric)


def draw(data: Lines) -> Figure:
    """Draw the metric against the number of labels (log scale) with bands, a line at every K and one at 80 %."""
    curves, metric = data.curves, data.metric
    is_share = metric not in LOWER_IS_BETTER
    scale = 100.0 if is_share else 1.0
    figure = Figure(figsize=(8.4, 5.0), layout="constrained")
    axes = figure.subplots()
    order = curves.groupby("label")["mean"].mean().sort_values(ascending=False)
    largest_k = curves["n_components"].max()
    looks = looks_of(curves["method"])
    markers = dict(zip(sorted(set(curves["sampler"]) - {RANDOM}), _CHOSEN_MARKERS, strict=False))
    for label in order.index:
        line = curves[(curves["label"] == label) & curves["mean"].notna()].sort_values("n_labeled")
        if line.empty:
            continue
        method, sampler, k = line.iloc[0][["method", "sampler", "n_components"]]
        look = looks[str(method)]
        x, mean = line["n_labeled"].to_numpy(float), scale * line["mean"].to_numpy(float)
        # Models of fewer components share their method's look in a thinner line.
        width = 1.8 if pd.isna(k) or k == largest_k else 0.9
        drawn = axes.plot(x, mean, look.line, color=look.color, marker=look.marker, markersize=5, linewidth=width, label=label)
        if sampler != RANDOM:
            # Open and larger: the same method with items that were chosen.
            drawn[0].set(marker=markers.get(sampler, "o"), markerfacecolor="white", markersize=6.5)
        if line["ci_low"].notna().all():
            low, high = (scale * line[name].to_numpy(float) for name in ("ci_low", "ci_high"))
            axes.fill_between(x, low, high, color=look.color, alpha=0.1 if len(order) <= _FEW_LINES else 0.04, linewidth=0)
    _label_budgets(axes, curves)
    _mark_components(axes, curves)
    if is_share:
        axes.axhline(100 * TARGET, color="#666666", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        axes.set_ylim(0, 100)
    axes.set_xlabel("labels shown (above: share of all labels)")
    axes.set_ylabel(metric.replace("_", " ") + (" in %" if is_share else ""))
    axes.set_title(data.about, fontsize=11)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8.5, handlelength=3.2)
    return figure


def _label_budgets(axes: Axes, curves: pd.DataFrame) -> None:
    """Give the budgets as counts below and as shares above, on a log scale."""
    budgets = sorted(curves["n_labeled"].unique())
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(n) for n in budgets]))
    axes.xaxis.set_minor_locator(NullLocator())
    positions = [float(n) for n in budgets]
    axes.set_xticks(positions, apart(positions, [f"{n:,}" for n in budgets], _CHARACTER))
    shares = curves.groupby("n_labeled")["labeled_fraction"].first()
    upper = axes.secondary_xaxis("top")
    upper.xaxis.set_minor_locator(NullLocator())
    upper.set_xticks(positions, apart(positions, [f"{100 * shares[n]:.2g} %" for n in budgets], _SMALL_CHARACTER))
    upper.tick_params(labelsize=8)


def _mark_components(axes: Axes, curves: pd.DataFrame) -> None:
    """Draw a line where there are as many labels as components."""
    for k in sorted(curves["n_components"].dropna().unique()):
        axes.axvline(float(k), color="#666666", linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
        axes.annotate(
            f"K = {k}",
            (float(k), 0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 4),
            textcoords="offset points",
            fontsize=8,
            color="#444444",
        )
