"""Every method against one of them."""

from bench.show.grid import Grid
from bench.stats.practical import ROPE, signed_rank, win_tie_loss
from bench.suite.open_suite import OpenSuite
from bench.suite.tables import Ask

TITLE = "Against the first of the ranking"


_FEW_SETS = 6


def _caution(n_sets: int) -> tuple[str, ...]:
    """Say what so few sets cannot tell."""
    said = f"{n_sets} sets say little of new ones: the test takes them for all that there is, so its probabilities are too sure"
    return (said,) if n_sets < _FEW_SETS else ()


def make(suite: OpenSuite, ask: Ask) -> Grid | None:
    """Compare the reference (unless asked for: the first of the ranking) with every other method."""
    ranked = suite.every_ranking if ask.reference else suite.ranking
    names = [one.method for one in ranked.standings]
    scores = suite.every_score.of([ask.reference]) if ask.reference else suite.scores.of([names[0]])
    reference = scores.methods[0]
    others = [name for name in names if name != reference and (suite.scores is suite.every_score or name in suite.scores.methods)]
    if not others:
        return None
    areas, means = scores.areas()[:, 0], scores.means[:, 0]
    rows, values = [], []
    for other in others:
        against = suite.every_score.of([other])
        difference = areas - against.areas()[:, 0]
        said, counts = signed_rank(difference), win_tie_loss(means - against.means[:, 0])
        rows.append(
            (
                other,
                f"{100 * difference.mean():+.1f}",
                f"{counts.wins}-{counts.ties}-{counts.losses}",
                *(f"{share:.2f}" for share in (said.better, said.equal, said.worse)),
            )
        )
        values.append((other, difference.mean(), counts.wins, counts.ties, counts.losses, said.better, said.equal, said.worse))
    return Grid(
        f"{reference} against each other method",
        ("other", "points", "won-tied-lost", "better", "equal", "worse"),
        tuple(rows),
        (
            *suite.about(),
            "points: mean over sets of the difference in area; won, tied, lost: by sets and budgets",
            f"better, equal, worse: probabilities on a new set like these, where less than {100 * ROPE:g} points count as equal "
            "(Bayesian signed-rank test)",
            *_caution(len(scores.sets)),
        ),
        data=(("other", "difference", "wins", "ties", "losses", "p_better", "p_equal", "p_worse"), *values),
    )
