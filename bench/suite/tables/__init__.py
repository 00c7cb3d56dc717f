"""`TABLES`: what a suite can be asked for as a table. A table is the module of the same name in this folder.

It has a `TITLE` for the report and `make(suite, ask)`, which returns the `Grid`, or `None` where there is nothing for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from bench.plugins import module_of
from bench.show.grid import Grid
from bench.suite.open_suite import OpenSuite

TABLES: Mapping[str, str] = {
    "ranking": "methods by mean rank and normalised score, with tests",
    "sets": "method by set: mean score over the log of the number of labels",
    "wins": "the best method of every set and budget, and by how much",
    "pairs": "every method against one: wins, ties, losses, probability of being better",
    "supervision": "who survives worse labels: noise, imbalance, unseen classes",
    "labels": "how many times as many labels one method needs for the same accuracy",
}
"""By name, in the order of the report: what it says."""


@dataclass(frozen=True)
class Ask:
    """What a reader may ask of a table; each uses what concerns it."""

    reference: str | None = None
    """The method that others are compared with; `None` leaves the choice to the table."""


class Table(Protocol):
    """A module of this folder."""

    TITLE: str

    def make(self, suite: OpenSuite, ask: Ask) -> Grid | None:
        """Return the table; `None` where the suite has nothing for it."""
        ...


def table_of(name: str) -> Table:
    """Return the table of a name.

    Raises
    ------
    SettingsError
        If there is none.
    """
    return cast("Table", module_of(__name__, "table", name, TABLES))
