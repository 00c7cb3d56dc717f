"""Does an independent repetition find what was published? `python results/replicate.py`, from a clone.

A repetition has another model and other draws of labels. A published interval is one of the mean over models and draws; a
repetition of a model or two and a few draws varies more than that mean, and 19 of 20 of its means should fall within the
prediction interval (`bench.stats.intervals.prediction_interval`). Exit code 1 where fewer do.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.stats.intervals import Interval, prediction_interval
from bench.stats.seeds import NO_MODEL_SEED, SeedTable, seed_tables
from bench.store.folder import open_run

RESULTS = Path(__file__).parent
PAIRS = {
    "letters, K = 100": ("reference", "replication"),
    "letters, 20,000": ("suite/seven/letters", "suite/seven-again/letters"),
    "digits": ("suite/seven/digits", "suite/seven-again/digits"),
    "fashion": ("suite/seven/fashion", "suite/seven-again/fashion"),
    "pneumonia": ("suite/seven/pneumonia", "suite/seven-again/pneumonia"),
    "satimage": ("suite/seven/satimage", "suite/seven-again/satimage"),
    "kept out: nslkdd": ("suite/seven/nslkdd", "suite/seven-again/nslkdd"),
    "kept out: banking77": ("suite/seven/banking77", "suite/seven-again/banking77"),
    "unseen: leaves": ("suite/unseen/leaves", "suite/unseen-again/leaves"),
    "unseen: cells": ("suite/unseen/cells", "suite/unseen-again/cells"),
}
"""What was published, and its repetition. Of letters K = 100 alone was repeated."""
N_COMPONENTS, SHARE = 100, 0.95


@dataclass(frozen=True)
class Found:
    """A repeated mean beside what was said of it."""

    published: bool
    """Whether it lies within the published interval of the mean."""
    out: float
    """How far it is out of the predicted interval, in points; 0 within."""
    width: float
    """Half of the predicted interval, in points."""


def tables(folder: Path) -> dict[str, SeedTable]:
    """Return the tables of a run's methods by their labels; where there are several K, only of one."""
    records = open_run(folder).records
    if records["n_components"].dropna().nunique() > 1:
        records = records[records["n_components"].isna() | (records["n_components"] == N_COMPONENTS)]
    return {table.label: table for table in seed_tables(records, "accuracy")}


def compare(told: SeedTable, table: SeedTable) -> Iterator[Found]:
    """Yield what the repetition found at each budget."""
    both = (set(table.label_seeds) & set(told.label_seeds), set(table.model_seeds) & set(told.model_seeds) - {NO_MODEL_SEED})
    if any(both):
        sys.exit(f"{table.label}: the repetition has seeds of what was published; it is not independent")
    for n_labeled in table.scored_budgets:
        interval, mean = told.at(n_labeled), table.at(n_labeled)
        if interval is None or mean is None:
            sys.exit(f"{table.label}, {n_labeled} labels: no interval to compare with")
        shape = np.isfinite(table.fresh_scores[table.budgets.index(n_labeled)])
        predicted = prediction_interval(
            told.fresh_scores[told.budgets.index(n_labeled)], int(shape.any(axis=1).sum()), int(shape.any(axis=0).sum())
        )
        (low, high), (lowest, highest) = _bounds(interval), _bounds(predicted)
        out = max(lowest - mean.mean, mean.mean - highest, 0.0)
        yield Found(low <= mean.mean <= high, 100 * out, 50 * (highest - lowest))


def _bounds(interval: Interval) -> tuple[float, float]:
    low, high = (interval.mean if bound is None else bound for bound in (interval.ci_low, interval.ci_high))
    return low, high


def line(name: str, found: list[Found]) -> str:
    """Return a row: how many means there are, how many within which interval, how wide, how far out."""
    published, predicted = (sum(one.published for one in found), sum(not one.out for one in found))
    width, out = np.median([one.width for one in found]), max(one.out for one in found)
    return f"{name:22}{len(found):7,}{published:11,}{predicted:11,}{predicted / len(found):8.1%}{width:12.1f}{out:12.1f}\n"


def main() -> None:
    """Print a line per data set."""
    sys.stdout.write("means of methods at budgets: within the published 95 % interval, within the predicted one;\n")
    sys.stdout.write("points: half of the predicted interval (median), and how far the furthest mean is out of it\n")
    heads = ("means", "published", "predicted", "", "half width", "out")
    sys.stdout.write(f"{'':22}" + "".join(f"{head:>{n}}" for head, n in zip(heads, (7, 11, 11, 8, 12, 12), strict=True)) + "\n")
    every: list[Found] = []
    for name, (published, repetition) in PAIRS.items():
        told, again = tables(RESULTS / published), tables(RESULTS / repetition)
        found = [one for label, table in again.items() for one in compare(told[label], table)]
        sys.stdout.write(line(name, found))
        every += found
    sys.stdout.write(line("all", every))
    sys.exit(int(sum(not one.out for one in every) < SHARE * len(every)))


if __name__ == "__main__":
    main()
