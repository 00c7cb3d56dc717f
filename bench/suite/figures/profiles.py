"""Performance profiles: how often each method gets how far."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from bench.show.axes import new_figure
from bench.show.style import looks_of
from bench.stats.aggregate import performance_profiles
from bench.suite.open_suite import OpenSuite

_LEVELS = np.linspace(0, 1, 101)
_FEW_LINES = 10
_EVERY = 20


@dataclass(frozen=True, eq=False)
class Profiles:
    """What the figure shows."""

    methods: tuple[str, ...]
    """The first of the ranking, the best first."""
    shares: Float[np.ndarray, "k t"]


def data(suite: OpenSuite) -> Profiles:
    """Compute the profiles of the first methods of the ranking."""
    methods = tuple(one.method for one in suite.ranking.standings[:_FEW_LINES])
    # Normalised by the best of all methods, whichever are drawn.
    shares = performance_profiles(suite.scores, _LEVELS)
    return Profiles(methods, shares[[suite.scores.methods.index(method) for method in methods]])


def draw(data: Profiles) -> Figure:
    """Draw a line per method."""
    figure, axes = new_figure("how often a method gets so far", (8.4, 4.6))
    looks = looks_of(data.methods)
    for method, shares in zip(data.methods, data.shares, strict=True):
        look = looks[method]
        axes.plot(
            100 * _LEVELS,
            100 * shares,
            look.line,
            color=look.color,
            marker=look.marker,
            markevery=_EVERY,
            markersize=4.5,
            linewidth=1.5,
            label=method,
        )
    axes.set_xlabel("normalised score (0: always the largest class, 100: the best method)")
    axes.set_ylabel("share of sets, budgets and draws in %")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8.5, handlelength=3.2)
    return figure
