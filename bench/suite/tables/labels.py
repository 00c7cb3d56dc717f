"""Labels for the same accuracy: how many times as many a reference needs."""

import numpy as np

from bench.show.grid import Grid
from bench.stats.efficiency import crossing
from bench.suite.open_suite import OpenSuite
from bench.suite.tables import Ask

TITLE = "Labels for the same accuracy"


def make(suite: OpenSuite, ask: Ask) -> Grid | None:
    """Say for every method and set how many times as many labels the reference needs to be as good.

    The target of a set is what the reference reaches at its middle budget. Unless asked for, the reference is logistic
    regression, or else the last of the ranking.
    """
    scores = suite.scores
    names = [one.method for one in suite.ranking.standings]
    chosen = suite.every_score.of([ask.reference or ("logreg" if "logreg" in suite.every_score.methods else names[-1])])
    name, reference = chosen.methods[0], chosen.means[:, 0]
    if int(scores.there.sum(axis=1).min()) < 2:
        return None
    rows, values = [], []
    for method in (one for one in names if one != name):
        k = scores.methods.index(method)
        ratios, cells = [], []
        for i in range(len(scores.sets)):
            rising = scores.rising(i)
            n, curve = scores.n_labeled[i, rising], scores.means[i, k, rising]
            middle = (len(n) - 1) // 2
            needed = crossing(n, curve, float(reference[i, rising][middle]))
            bound = "<" if not np.isfinite(needed) else ">" if needed == n[0] else ""
            ratio = float(n[middle] / min(needed, n[-1]))
            ratios.append(ratio)
            cells.append(f"{bound}{ratio:.1f}")
            values.append((method, scores.sets[i], int(n[middle]), ratio, bound))
        rows.append((method, f"{np.exp(np.mean(np.log(ratios))):.1f}", *cells))
    return Grid(
        f"How many times as many labels {name} needs for the same accuracy",
        ("method", "mean", *scores.sets),
        tuple(rows),
        (
            *suite.about(),
            f"for what {name} reaches at its middle budget; >, <: at least, at most, as the smallest budget is enough already or "
            "the largest is not; mean: geometric, over these bounds too",
        ),
        data=(("method", "set", "n_labeled", "ratio", "bound"), *values),
        dense=True,
    )
