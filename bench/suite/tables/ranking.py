"""The ranking: mean rank, normalised score, sets won."""

from bench.show.grid import Cell, Grid
from bench.stats.intervals import CONFIDENCE
from bench.suite.open_suite import OpenSuite
from bench.suite.ranked import Ranking
from bench.suite.tables import Ask

TITLE = "Ranking"


def make(suite: OpenSuite, ask: Ask) -> Grid:  # noqa: ARG001 - every table's signature
    """Arrange the ranking."""
    ranking = suite.ranking
    rows = tuple(
        (
            Cell(one.method, mark="!" if one.n_failed else "", remark=f"{one.n_failed:,} failed" if one.n_failed else ""),
            f"{one.rank:.1f}",
            _percent(one.normalised.mean, one.normalised.ci_low, one.normalised.ci_high),
            f"{one.n_best}",
        )
        for one in ranking.standings
    )
    values = (
        (one.method, one.rank, one.normalised.mean, one.normalised.ci_low, one.normalised.ci_high, one.n_best, one.n_failed)
        for one in ranking.standings
    )
    return Grid(
        "Ranking over data sets",
        ("method", "mean rank", "score", "sets won"),
        rows,
        (
            *suite.about(),
            f"mean rank: over sets, by the mean {suite.measure} over the log of the number of labels",
            "score: interquartile mean over sets and draws, where 0 is to always name the largest class and 100 the best method "
            "at that set and budget; 95 % interval over draws",
            tested(ranking),
        ),
        data=(("method", "mean_rank", "score", "ci_low", "ci_high", "sets_won", "failed"), *values),
    )


def _percent(mean: float, low: float | None, high: float | None) -> Cell:
    return Cell(f"{100 * mean:.1f}", below="" if low is None or high is None else f"{100 * low:.1f}-{100 * high:.1f}")


def tested(ranking: Ranking) -> str:
    """Say whether ranks differ, and which methods cannot be told from the first."""
    test = ranking.test
    if test is None:
        return "too few sets or methods for a test of ranks"
    first = ranking.standings[0]
    level = [one.method for one in ranking.standings[1:] if one.rank - first.rank <= test.critical_difference]
    behind = [one.method for one in ranking.standings if one.rank - first.rank > test.critical_difference]
    # Not a number where all methods score the same.
    if not test.p < 1 - CONFIDENCE:
        said = "ranks do not differ"
    elif not behind:
        said = f"{first.method} cannot be told from any other"
    elif len(level) > len(behind):
        said = f"{first.method} can be told from {', '.join(behind)} alone"
    elif level:
        said = f"{first.method} cannot be told from {', '.join(level)}"
    else:
        said = f"{first.method} is ahead of all others"
    apart = f"ranks further apart than {test.critical_difference:.2f} differ (Nemenyi, 5 %)"
    return f"Friedman's test: p = {test.p:.2g}; {apart}; {said}"
