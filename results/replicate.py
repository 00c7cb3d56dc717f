"""Does an independent slice find what was published? `python results/replicate.py`, from a clone.

The slice has another model and other draws of labels than the reference run, at K = 100. A published interval is one of the mean
over models and draws; a slice of one model and two draws varies more than that mean, and 19 of 20 of its means should fall within
the prediction interval (`bench.stats.intervals.prediction_interval`). Exit code 1 where fewer do.
"""

import sys
from pathlib import Path

import numpy as np

from bench.stats.intervals import Interval, prediction_interval
from bench.stats.seeds import SeedTable, seed_tables
from bench.store.folder import open_run

RESULTS = Path(__file__).parent
N_COMPONENTS, SHARE = 100, 0.95


def tables(folder: Path) -> dict[str, SeedTable]:
    """Return the tables of a run's methods that use its models, by their labels."""
    records = open_run(folder).records
    return {table.label: table for table in seed_tables(records[records["n_components"] == N_COMPONENTS], "accuracy")}


def main() -> None:
    """Print a line per curve: budgets within the published interval, within the predicted one, the largest steps out of them."""
    published, found = tables(RESULTS / "reference"), tables(RESULTS / "replication")
    total = np.zeros(3, int)
    sys.stdout.write(f"{'curve':28}{'budgets':>8}{'published':>11}{'predicted':>11}{'out of them by, points':>25}\n")
    for label, table in found.items():
        told = published[label]
        if set(table.label_seeds) & set(told.label_seeds) or set(table.model_seeds) & set(told.model_seeds):
            sys.exit(f"{label}: the slice repeats seeds of the reference run; it is not independent")
        counts, out = np.zeros(3, int), np.zeros(2)
        for index, n_labeled in enumerate(table.budgets):
            interval, mean = told.at(n_labeled), table.at(n_labeled)
            if interval is None or mean is None:
                sys.exit(f"{label}, {n_labeled} labels: no interval to compare with")
            shape = np.isfinite(table.fresh_scores[index])
            predicted = prediction_interval(
                told.fresh_scores[told.budgets.index(n_labeled)], int(shape.any(axis=1).sum()), int(shape.any(axis=0).sum())
            )
            steps = [_out_of(one, mean.mean) for one in (interval, predicted)]
            counts += (1, steps[0] == 0, steps[1] == 0)
            out = np.maximum(out, steps)
        sys.stdout.write(f"{label:28}{counts[0]:8d}{counts[1]:11d}{counts[2]:11d}{100 * out[0]:16.1f}{100 * out[1]:9.1f}\n")
        total += counts
    sys.stdout.write(f"{'all':28}{total[0]:8d}{total[1]:11d}{total[2]:11d}\n")
    sys.exit(int(total[2] < SHARE * total[0] or not total[0]))


def _out_of(interval: Interval, value: float) -> float:
    low, high = (interval.mean if bound is None else bound for bound in (interval.ci_low, interval.ci_high))
    return max(low - value, value - high, 0.0)


if __name__ == "__main__":
    main()
