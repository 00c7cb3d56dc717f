"""Method by set: where each of them does well."""

import numpy as np

from bench.show.grid import Cell, Grid
from bench.suite.open_suite import OpenSuite
from bench.suite.tables import Ask

TITLE = "Methods on each set"


def make(suite: OpenSuite, ask: Ask) -> Grid:  # noqa: ARG001 - every table's signature
    """Arrange areas under the curve by set, methods in the order of the ranking."""
    scores = suite.scores
    areas, failed = scores.areas(), scores.failed.sum(axis=2)
    best = areas.max(axis=1)
    methods = [one.method for one in suite.ranking.standings]
    rows: list[tuple[Cell | str, ...]] = []
    for method in methods:
        k = scores.methods.index(method)
        cells = [
            Cell(
                f"{100 * areas[i, k]:.1f}",
                best=bool(np.isclose(areas[i, k], best[i], rtol=0, atol=1e-12)),
                mark="!" if failed[i, k] else "",
                remark=f"{failed[i, k]:,} failed" if failed[i, k] else "",
            )
            for i in range(len(scores.sets))
        ]
        rows.append((method, *cells))
    chance = ("always the largest class", *(f"{100 * share:.1f}" for share in scores.chance))
    return Grid(
        f"{suite.measure.capitalize()} in %, mean over the log of the number of labels",
        ("method", *scores.sets),
        (*rows, chance),
        (*suite.about(), "each set by its own budgets; the best of each set in bold"),
        data=(
            ("method", "set", "area", "failed"),
            *(
                (m, scores.sets[i], areas[i, k], int(failed[i, k]))
                for k, m in enumerate(scores.methods)
                for i in range(len(scores.sets))
            ),
        ),
        dense=True,
    )
