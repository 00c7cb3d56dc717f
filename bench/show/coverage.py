"""Coverage numbers as tables."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.stats.coverage import CoverageRow

# Probabilities below this are shown as such.
_SMALL = 0.001


def coverage_tables(
    n_clusters: int, n_pool: int, expected: float, rows: Sequence[CoverageRow], at: Sequence[tuple[int, float, float]]
) -> RenderableType:
    """Return labels needed for every cluster to have one, and clusters covered by given numbers of labels.

    Parameters
    ----------
    expected
        Expected labels until all clusters are covered.
    rows
        One per confidence.
    at
        Number of labels, expected clusters covered, probability that all are.
    """

    def with_share(count: float) -> str:
        return f"{count:,.0f} ({100 * count / n_pool:.2g} %)"

    needed = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("until every cluster has a label", "union bound", "exact"):
        needed.add_column(name, justify="left" if name.startswith("until") else "right")
    needed.add_row("at best (one in each)", "", with_share(n_clusters))
    needed.add_row("on average", "", with_share(expected))
    for row in rows:
        needed.add_row(f"with {100 * row.confidence:g} % confidence", with_share(row.union_bound), with_share(row.exact))
    covered = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("labels", "clusters covered on average", "P(all covered)"):
        covered.add_column(name, justify="right")
    for count, clusters, probability in at:
        covered.add_row(
            with_share(count),
            f"{clusters:.1f} of {n_clusters:,}",
            f"{probability:.3f}" if probability >= _SMALL else f"< {_SMALL}",
        )
    title = Text(f"Random labels for K = {n_clusters:,} equal clusters, {n_pool:,} items", style="bold")
    note = Text("Drawn with replacement. Real clusters are unequal and need more labels.", style="dim")
    return Group(title, note, needed, Text(), covered)
