"""Coverage of equal clusters as tables."""

from collections.abc import Sequence

from bench.show.grid import Grid
from bench.stats.coverage import CoverageRow

# Probabilities below this are shown as such.
_SMALL = 0.001


def coverage_grids(
    n_clusters: int, n_pool: int, expected: float, rows: Sequence[CoverageRow], at: Sequence[tuple[int, float, float]]
) -> tuple[Grid, Grid]:
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

    needed = Grid(
        f"Random labels for K = {n_clusters:,} equal clusters, {n_pool:,} items",
        ("until every cluster has a label", "union bound", "exact"),
        (
            ("at best (one in each)", "", with_share(n_clusters)),
            ("on average", "", with_share(expected)),
            *(
                (f"with {100 * row.confidence:g} % confidence", with_share(row.union_bound), with_share(row.exact))
                for row in rows
            ),
        ),
        ("Drawn with replacement. Real clusters are unequal and need more labels.",),
    )
    covered = Grid(
        "",
        ("labels", "clusters covered on average", "P(all covered)"),
        tuple(
            (
                with_share(count),
                f"{clusters:.1f} of {n_clusters:,}",
                f"{probability:.3f}" if probability >= _SMALL else f"< {_SMALL}",
            )
            for count, clusters, probability in at
        ),
        left=frozenset(),
    )
    return needed, covered
