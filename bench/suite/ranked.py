"""The ranking: what tables, diagram and headline share."""

from dataclasses import dataclass

import numpy as np

from bench.stats.aggregate import interquartile_means
from bench.stats.efficiency import RankTest, mean_ranks, rank_test
from bench.stats.intervals import Interval
from bench.stats.over_sets import SuiteScores


@dataclass(frozen=True)
class Standing:
    """One method's place."""

    method: str
    rank: float
    """Mean over sets, by area under the curve."""
    normalised: Interval
    n_best: int
    """Sets on which its area is the largest."""
    n_failed: int


@dataclass(frozen=True)
class Ranking:
    """All methods, the best mean rank first."""

    standings: tuple[Standing, ...]
    test: RankTest | None
    """`None` for too few sets or methods."""

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Methods whose mean ranks are too close to tell apart, as runs of the ranking; none holds another."""
        if self.test is None:
            return ()
        runs: list[range] = []
        for first, one in enumerate(self.standings):
            last = max(i for i, other in enumerate(self.standings) if other.rank - one.rank <= self.test.critical_difference)
            if last > first and (not runs or last >= runs[-1].stop):
                runs.append(range(first, last + 1))
        return tuple(tuple(self.standings[i].method for i in run) for run in runs)


def rank_methods(scores: SuiteScores) -> Ranking:
    """Rank the methods of a suite."""
    areas = scores.areas()
    test = rank_test(areas, scores.methods)
    ranks = mean_ranks(areas)
    intervals = interquartile_means(scores)
    best = np.isclose(areas, areas.max(axis=1, keepdims=True), rtol=0, atol=1e-12).sum(axis=0)
    standings = [
        Standing(method, float(ranks[k]), intervals[k], int(best[k]), int(scores.failed[:, k].sum()))
        for k, method in enumerate(scores.methods)
    ]
    # Of equal ranks, the better score first.
    return Ranking(tuple(sorted(standings, key=lambda one: (one.rank, -one.normalised.mean))), test)
