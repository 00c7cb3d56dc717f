"""Figures of what a run's records say beside the label-efficiency curve: soft against hard, K, coverage."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from bench.show.style import look_of
from bench.stats.cluster_coverage import Observed
from bench.stats.coverage import expected_covered
from bench.stats.paired import Difference
from bench.stats.seeds import SeedTable

GREY = "#666666"


def difference_figure(differences: Sequence[Difference], reference: str, about: str) -> Figure:
    """Draw differences to a reference by budget, in points, with their intervals."""
    figure, axes = new_figure(about)
    labels = list(dict.fromkeys(difference.label for difference in differences))
    for shift, label in enumerate(labels):
        of_label = sorted((d for d in differences if d.label == label), key=lambda d: d.n_labeled)
        look = look_of(label.split(" ")[0])
        # Side by side, so that intervals do not hide each other.
        x = [d.n_labeled * 1.03 ** (shift - (len(labels) - 1) / 2) for d in of_label]
        mean = np.array([100 * d.interval.mean for d in of_label])
        low, high = (
            np.array([100 * (d.interval.mean if bound is None else bound) for d, bound in zip(of_label, bounds, strict=True)])
            for bounds in ([d.interval.ci_low for d in of_label], [d.interval.ci_high for d in of_label])
        )
        axes.errorbar(
            x, mean, [mean - low, high - mean], fmt=look.line, color=look.color, marker=look.marker, markersize=5, capsize=3,
            linewidth=1.6, label=label,
        )  # fmt: skip
    axes.axhline(0, color=GREY, linewidth=0.8)
    log_budgets(axes, sorted({d.n_labeled for d in differences}))
    axes.set_ylabel(f"accuracy minus {reference}, in points")
    axes.legend(frameon=False)
    return figure


def components_figure(tables: Sequence[SeedTable], n_labeled: int, about: str) -> Figure:
    """Draw accuracy with a given number of labels against K, a line per method."""
    figure, axes = new_figure(f"{about}; {n_labeled:,} labels")
    for method in dict.fromkeys(table.method for table in tables):
        points = sorted(
            (table.n_components, found)
            for table in tables
            if table.method == method and table.n_components is not None and (found := table.at(n_labeled)) is not None
        )
        if len(points) < 2:
            continue
        look, k = look_of(method), [point[0] for point in points]
        axes.plot(k, [100 * i.mean for _, i in points], look.line, color=look.color, marker=look.marker, label=method)
        if all(interval.ci_low is not None for _, interval in points):
            low, high = (
                [100 * float(bound or 0) for bound in bounds]
                for bounds in zip(*((i.ci_low, i.ci_high) for _, i in points), strict=True)
            )
            axes.fill_between(k, low, high, color=look.color, alpha=0.1, linewidth=0)
    axes.set_xscale("log")
    ks = sorted({table.n_components for table in tables if table.n_components is not None})
    axes.xaxis.set_major_locator(FixedLocator([float(value) for value in ks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([float(value) for value in ks], [str(value) for value in ks])
    axes.set_xlabel("K, the number of components")
    axes.set_ylabel("accuracy in %")
    axes.legend(frameon=False)
    return figure


def coverage_figure(
    n_components: int, labels: Sequence[int], covered: Sequence[float] | None, observed: Sequence[Observed], about: str
) -> Figure:
    """Draw clusters covered against labels: equal clusters, the run's own where there is one, and what was observed."""
    figure, axes = new_figure(f"{about}; K = {n_components}")
    axes.plot(labels, [expected_covered(n_components, n) for n in labels], "--", color=GREY, label="equal clusters, predicted")
    if covered is not None:
        axes.plot(labels, covered, "-", color="#0072B2", label="the run's clusters, predicted")
    if observed:
        seen = [row.n_labeled for row in observed], [row.covered for row in observed]
        axes.plot(*seen, "o", color="#D55E00", label="the run's draws, observed")
    axes.axhline(n_components, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_xscale("log")
    axes.set_xlabel("labels drawn at random")
    axes.set_ylabel("clusters with a label")
    axes.set_ylim(0, 1.05 * n_components)
    axes.legend(frameon=False, loc="lower right")
    return figure


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
