"""The best method of every set and budget, beside the best that needs no model."""

import numpy as np

from bench.show.grid import Grid
from bench.suite.open_suite import OpenSuite
from bench.suite.tables import Ask

TITLE = "Where each method wins"


def make(suite: OpenSuite, ask: Ask) -> Grid | None:  # noqa: ARG001 - every table's signature
    """Arrange the best methods, how far the second is behind, and the best of those that see the items alone."""
    scores = suite.scores
    if len(scores.methods) < 2:
        return None
    means, without = scores.means, [k for k, method in enumerate(scores.methods) if method in suite.without_model]
    rows: list[tuple[str, ...]] = []
    values: list[tuple[object, ...]] = []
    for i, name in enumerate(scores.sets):
        for b in scores.rising(i):
            budget = scores.budgets[b]
            of_methods = means[i, :, b]
            second, first = np.argsort(of_methods, kind="stable")[-2:]
            lead = of_methods[first] - of_methods[second]
            rival = max(without, key=lambda k: of_methods[k], default=None)
            best = (scores.methods[first], f"{100 * of_methods[first]:.1f}", f"{100 * lead:.1f}")
            other = ("-", "-") if rival is None else (scores.methods[rival], f"{100 * of_methods[rival]:.1f}")
            rows.append((name, budget, *best, *other))
            values.append(
                (
                    *(name, budget, int(scores.n_labeled[i, b]), best[0], of_methods[first], lead, other[0]),
                    None if rival is None else of_methods[rival],
                )
            )
    headers = ("set", "budget", "n_labeled", "best", "score", "lead", "best_without_model", "score_without_model")
    return Grid(
        "The best method of each set and budget",
        ("set", "budget", "best", "%", "lead", "best without the model", "%"),
        tuple(rows),
        (*suite.about(), f"{suite.measure} in %; lead: over the second, in points"),
        left=frozenset({0, 1, 2, 5}),
        data=(headers, *values),
    )
