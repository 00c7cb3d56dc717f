"""Does an independent slice fall within the published intervals? `python results/replication/check.py`, from a clone.

The slice has another model and other draws of labels than the reference run. A published interval is one of the mean over models
and draws, and a slice of one model and two draws varies more than that mean: so the range of the published cells is given too.
"""

import sys
from pathlib import Path

import numpy as np

from bench.stats.seeds import SeedTable, seed_tables
from bench.store.folder import open_run

RESULTS = Path(__file__).parents[1]


def tables(folder: Path) -> dict[str, SeedTable]:
    """Return the tables of a run's models with 100 components, and of what needs no model, by their labels."""
    records = open_run(folder).records
    return {table.label: table for table in seed_tables(records[records["n_components"].isin([100])], "accuracy")}


def main() -> None:
    """Print a line per curve: budgets within the interval, within the range, and the largest step out of the interval."""
    published, slice_ = tables(RESULTS / "reference"), tables(RESULTS / "replication")
    inside = within = total = 0
    sys.stdout.write(f"{'curve':28}{'budgets':>8}{'in interval':>13}{'in range':>10}{'furthest out, points':>22}\n")
    for label, table in slice_.items():
        if label not in published:
            continue
        counts, furthest = np.zeros(3, int), 0.0
        for n_labeled in table.budgets:
            told, found = published[label].at(n_labeled), table.at(n_labeled)
            if told is None or told.ci_low is None or told.ci_high is None or found is None:
                continue
            cells = published[label].scores[published[label].budgets.index(n_labeled)]
            out = max(told.ci_low - found.mean, found.mean - told.ci_high, 0.0)
            counts += (1, out == 0, np.nanmin(cells) <= found.mean <= np.nanmax(cells))
            furthest = max(furthest, 100 * out)
        sys.stdout.write(f"{label:28}{counts[0]:8d}{counts[1]:13d}{counts[2]:10d}{furthest:22.1f}\n")
        total, inside, within = total + counts[0], inside + counts[1], within + counts[2]
    sys.stdout.write(f"{'all':28}{total:8d}{inside:13d}{within:10d}\n")


if __name__ == "__main__":
    main()
