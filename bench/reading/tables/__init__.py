"""`TABLES`: what a run can be asked for as a table. A table is the module of the same name in this folder.

It has a `TITLE` for the report, empty where the report leaves it out, and `make(run, ask)`, which returns the `Grid`, or `None`
where the run has nothing for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from bench.plugins import module_of
from bench.reading.open_run import OpenRun
from bench.show.grid import Grid
from bench.stats.seeds import TARGET

TABLES: Mapping[str, str] = {
    "summary": "a few methods at a glance",
    "claims": "the paper's claims beside what was measured",
    "scores": "method by budget: mean and 95 % interval",
    "labels": "labels to a target accuracy, ratios, area under the curve",
    "differences": "differences to a reference on the same labels, tested",
    "samplers": "for each method, labels chosen by one sampler or another",
    "coverage": "random labels until every cluster has one",
    "covered": "clusters that held a label in the run's draws",
    "clusters": "size, commonest class and purity of each cluster of one model",
    "costs": "CPU time and memory of trainings and methods",
}
"""By name, in the order of the report: what it says.

A module is imported when its table is asked for: scipy's statistics take longer than a table.
"""


@dataclass(frozen=True)
class Ask:
    """What a reader may ask of a table; each uses what concerns it."""

    metric: str = "accuracy"
    target: float = TARGET
    reference: str | None = None
    """A method, or one with its sampler and K as tables name it; `None` leaves the choice to the table."""
    confidences: tuple[float, ...] = (0.95, 0.99)


class Table(Protocol):
    """A module of this folder."""

    TITLE: str

    def make(self, run: OpenRun, ask: Ask) -> Grid | None:
        """Return the table; `None` where the run has nothing for it."""
        ...


def table_of(name: str) -> Table:
    """Return the table of a name.

    Raises
    ------
    SettingsError
        If there is none.
    """
    return cast("Table", module_of(__name__, "table", name, TABLES))
