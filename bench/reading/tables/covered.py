"""Clusters that held a label in the run's draws, beside what their sizes predict."""

from collections.abc import Sequence

import numpy as np

from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.show.grid import Grid
from bench.stats.cluster_coverage import Observed, covered_probabilities, observed_coverage

TITLE = "Clusters that held a label"


def make(run: OpenRun, ask: Ask) -> Grid | None:  # noqa: ARG001 - nothing in it applies
    """Compute what the run's draws covered, and what the sizes of its clusters predict."""
    observed, sizes = observed_coverage(run.records), run.sizes_if_known(run.models)
    if not observed or not sizes:
        return None
    expected: dict[tuple[int, int], float] = {}
    for row in observed:
        of_k = [size for key, size in sizes.items() if key.n_components == row.n_components]
        covered = [float(covered_probabilities(size, row.n_labeled, replacement=False).sum()) for size in of_k]
        expected[row.n_components, row.n_labeled] = float(np.mean(covered)) if covered else float("nan")
    return observed_grid(observed, expected)


def observed_grid(observed: Sequence[Observed], expected: dict[tuple[int, int], float]) -> Grid:
    """Return clusters covered in the run's label draws beside what their sizes predict."""
    return Grid(
        "Clusters that held a label in the run's draws",
        ("K", "labels", "predicted", "observed", "all covered", "correlation"),
        tuple(
            (
                str(row.n_components),
                f"{row.n_labeled:,}",
                f"{expected[row.n_components, row.n_labeled]:.1f}",
                f"{row.covered:.1f}",
                f"{row.all_covered * row.n_draws:.0f} of {row.n_draws} draws",
                "-" if row.correlation is None else f"{row.correlation:+.2f}",
            )
            for row in observed
        ),
        (
            "predicted: from the sizes of the run's clusters, drawn without replacement",
            "correlation: Spearman's, of clusters covered and soft accuracy over draws; - where too few of them differ",
        ),
        left=frozenset(),
    )
