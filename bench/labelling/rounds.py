"""Rounds of labelling: what is known after each, so that the next can say what its labels bought."""

from dataclasses import asdict, dataclass
from pathlib import Path

from bench.errors import StoreError, number_of
from bench.labelling.label import Labelling
from bench.stats.intervals import Interval
from bench.store.atomic import read_json, write_json

ROUNDS = "labelling.json"


@dataclass(frozen=True)
class Round:
    """What `label` estimated from some labels."""

    n_labeled: int
    n_drawn: int
    """Of them, drawn at random."""
    method: str
    model: str
    accuracy: float
    ci_low: float
    ci_high: float

    @property
    def interval(self) -> Interval:
        """The estimate."""
        return Interval(self.accuracy, self.ci_low, self.ci_high)


def read_rounds(folder: Path) -> tuple[Round, ...]:
    """Return the rounds of a run, the first first; none where there are none, or the file is broken."""
    try:
        return tuple(Round(**one) for one in read_json(folder / ROUNDS)["rounds"])
    except (StoreError, KeyError, TypeError):
        return ()


def remember(folder: Path, labelling: Labelling, method: str, model: str) -> Round | None:
    """Add a round to those of a run, and return the one before it: the last with fewer labels by the same model.

    A labelling without an estimate is none. One with as many labels as the last, or fewer, takes the place of what came after.
    """
    estimate, n_labeled = labelling.estimate, int(labelling.given.sum())
    earlier = tuple(one for one in read_rounds(folder) if one.n_labeled < n_labeled)
    same = [one for one in earlier if one.model == model]
    if estimate is not None and estimate.accuracy.ci_low is not None and estimate.accuracy.ci_high is not None:
        accuracy = estimate.accuracy
        now = Round(
            n_labeled,
            labelling.n_drawn,
            labelling.chosen or method,
            model,
            accuracy.mean,
            estimate.accuracy.ci_low,
            estimate.accuracy.ci_high,
        )
        write_json(folder / ROUNDS, {"rounds": [asdict(one) for one in (*earlier, now)]})
    return same[-1] if same else None


def bought(before: Round, n_labeled: int, accuracy: Interval) -> str:
    """Say what the last labels bought. Both estimates are of what is the rest each time."""
    points = 100 * (accuracy.mean - before.accuracy)
    clear = "" if _apart(before.interval, accuracy) else ", within what chance does"
    return (
        f"before, with {number_of(before.n_labeled, 'label')}: {before.interval.text(100, unit=' %')} ({before.method}); "
        f"the last {n_labeled - before.n_labeled:,} brought {points:+.1f} points{clear}"
    )


def _apart(one: Interval, other: Interval) -> bool:
    assert one.ci_low is not None and one.ci_high is not None  # noqa: S101, PT018 - estimates of shares have bounds
    assert other.ci_low is not None and other.ci_high is not None  # noqa: S101, PT018
    return one.ci_high < other.ci_low or other.ci_high < one.ci_low
