"""Suites as Python objects."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.api.frames import frame_of
from bench.api.telling import shown
from bench.errors import SettingsError
from bench.suite.figures import figure_of
from bench.suite.open_suite import OpenSuite
from bench.suite.tables import Ask, table_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Suite:
    """A suite's folder: several data sets, one ranking."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def records(self) -> pd.DataFrame:
        """All records of all sets, with a column `set`."""
        runs = OpenSuite(self.folder).runs
        return pd.concat([of.records.assign(set=name) for name, of in runs.items()], ignore_index=True)

    def table(
        self,
        show: str = "ranking",
        *,
        metric: str = "accuracy",
        sets: str | None = None,
        methods: str | None = None,
        reference: str | None = None,
    ) -> pd.DataFrame:
        """Return a table as `gmvae-bench suite table --show` prints it, numbers where it has any.

        Raises
        ------
        SettingsError
            For an unknown name, or if the suite has nothing for the table.
        """
        grid = table_of(show).make(OpenSuite(self.folder, sets=sets, methods=methods, metric=metric), Ask(reference))
        if grid is None:
            raise SettingsError(f"{self.folder} has nothing for the table {show}")
        return frame_of(grid)

    def plot(self, name: str = "critical-difference", *, sets: str | None = None, methods: str | None = None) -> "Figure":
        """Draw one of the figures of `gmvae-bench suite leaderboard`.

        Raises
        ------
        SettingsError
            For an unknown name, or if the suite has nothing for the figure.
        """
        module = figure_of(name)
        data = module.data(OpenSuite(self.folder, sets=sets, methods=methods))
        if data is None:
            raise SettingsError(f"{self.folder} has nothing to draw {name} from")
        return shown(module.draw(data))

    def __repr__(self) -> str:
        return f"Suite({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>" + str(self.table()._repr_html_())  # type: ignore[operator]
