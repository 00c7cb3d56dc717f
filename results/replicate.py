"""Does an independent slice fall within the published intervals? `python results/replicate.py`, from a clone.

The slice has another model and other draws of labels than the reference run, at K = 100. A published interval is one of the mean
over models and draws, and a slice of one model and two draws varies more than that mean: so the range of the published cells is
given too. Exit code 1 where a mean of the slice is out of both.
"""

import sys
from pathlib import Path

import numpy as np

from bench.stats.seeds import SeedTable, seed_tables
from bench.store.folder import open_run

RESULTS = Path(__file__).parent
N_COMPONENTS = 100


def tables(folder: Path) -> dict[str, SeedTable]:
    """Return the tables of a run's methods that use its models, by their labels."""
    records = open_run(folder).records
    return {table.label: table for table in seed_tables(records[records["n_components"] == N_COMPONENTS], "accuracy")}


def main() -> None:
    """Print a line per curve: budgets within the interval, the range, either; and the largest step out of the interval."""
    published, found = tables(RESULTS / "reference"), tables(RESULTS / "replication")
    total = np.zeros(4, int)
    sys.stdout.write(f"{'curve':28}{'budgets':>8}{'interval':>10}{'range':>8}{'either':>8}{'furthest out, points':>22}\n")
    for label, table in found.items():
        told = published[label]
        if set(table.label_seeds) & set(told.label_seeds) or set(table.model_seeds) & set(told.model_seeds):
            sys.exit(f"{label}: the slice repeats seeds of the reference run; it is not independent")
        counts, furthest = np.zeros(4, int), 0.0
        for n_labeled in table.budgets:
            interval, mean = told.at(n_labeled), table.at(n_labeled)
            if interval is None or interval.ci_low is None or interval.ci_high is None or mean is None:
                sys.exit(f"{label}, {n_labeled} labels: no interval to compare with")
            cells = told.scores[told.budgets.index(n_labeled)]
            out = max(interval.ci_low - mean.mean, mean.mean - interval.ci_high, 0.0)
            ranged = bool(np.nanmin(cells) <= mean.mean <= np.nanmax(cells))
            counts += (1, out == 0, ranged, out == 0 or ranged)
            furthest = max(furthest, 100 * out)
        sys.stdout.write(f"{label:28}{counts[0]:8d}{counts[1]:10d}{counts[2]:8d}{counts[3]:8d}{furthest:22.1f}\n")
        total += counts
    sys.stdout.write(f"{'all':28}{total[0]:8d}{total[1]:10d}{total[2]:8d}{total[3]:8d}\n")
    sys.exit(int(total[3] < total[0] or not total[0]))


if __name__ == "__main__":
    main()
