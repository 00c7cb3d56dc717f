"""`FIGURES`: what can be drawn of a suite. A figure is the module of the same name in this folder (`-` read as `_`).

It has `data(suite)`, which computes what it shows, `None` where the suite has nothing for it, and `draw(data)`, which draws that.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

from matplotlib.figure import Figure

from bench.plugins import module_of
from bench.suite.open_suite import OpenSuite

FIGURES: Mapping[str, str] = {
    "critical-difference": "Mean ranks over the sets, the best on the left. A bar joins methods whose ranks are too close to "
    "tell apart (Nemenyi, 5 %).",
    "profiles": "How often each method's normalised score is at least so high, over sets, budgets and draws: the higher the "
    "line, the better.",
    "heat-map": "How far each method gets on each set: 0 is to always name the largest class, 100 the best method at every "
    "budget.",
    "label-efficiency": "Scores against the number of labels on each set: the head of the ranking, and the best that see the "
    "items alone.",
}
"""By name, in the order of the report: what it shows, in words that serve a reader who cannot see it."""


class FigureModule(Protocol):
    """A module of this folder."""

    def data(self, suite: OpenSuite) -> Any:
        """Compute what the figure shows; `None` where the suite has nothing for it."""
        ...

    def draw(self, data: Any) -> Figure:
        """Draw it."""
        ...


def figure_of(name: str) -> FigureModule:
    """Return the figure of a name.

    Raises
    ------
    SettingsError
        If there is none.
    """
    return cast("FigureModule", module_of(__name__, "figure", name, FIGURES))
