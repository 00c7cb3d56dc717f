"""Clusters that hold a label against the number of random labels: predicted and observed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from bench.reading.open_run import OpenRun
from bench.show.axes import new_figure
from bench.show.style import BLUE, ORANGE, QUIET
from bench.stats.cluster_coverage import Observed, covered_probabilities, observed_coverage
from bench.stats.coverage import expected_covered


@dataclass(frozen=True)
class Covered:
    """What the figure shows."""

    n_components: int
    labels: Sequence[int]
    covered: Sequence[float] | None
    """By the run's clusters, predicted; `None` where there is no run."""
    observed: Sequence[Observed]
    about: str


def data(run: OpenRun) -> Covered | None:
    """Predict what the clusters of a run cover, and take what its draws covered."""
    k = run.components
    of_models = run.sizes_if_known(key for key in run.models if key.n_components == k)
    if k is None or not of_models:
        return None
    observed = [row for row in observed_coverage(run.records) if row.n_components == k]
    sizes = list(of_models.values())
    most = max(10 * k, max((row.n_labeled for row in observed), default=0))
    labels = [int(n) for n in np.unique(np.geomspace(max(1, k // 10), min(most, sizes[0].sum()), 60).astype(int))]
    covered = [float(np.mean([covered_probabilities(s, n, replacement=False).sum() for s in sizes])) for n in labels]
    return Covered(k, labels, covered, observed, run.heading(of_models=True))


def draw(data: Covered) -> Figure:
    """Draw clusters covered against labels: equal clusters, the run's own where there is one, and what was observed."""
    n_components, labels = data.n_components, data.labels
    figure, axes = new_figure(data.about)
    axes.plot(labels, [expected_covered(n_components, n) for n in labels], "--", color=QUIET, label="equal clusters, predicted")
    if data.covered is not None:
        axes.plot(labels, data.covered, "-", color=BLUE, label="the run's clusters, predicted")
    if data.observed:
        seen = [row.n_labeled for row in data.observed], [row.covered for row in data.observed]
        axes.plot(*seen, "o", color=ORANGE, label="the run's draws, observed")
    axes.axhline(n_components, color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("labels drawn at random")
    axes.set_ylabel("clusters with a label")
    axes.set_ylim(0, 1.05 * n_components)
    axes.legend(frameon=False, loc="lower right", fontsize=8)
    return figure
