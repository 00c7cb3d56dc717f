"""Compare the reference run with the same cells, trained again from the same seeds on another machine.

    python results/same_seeds.py

Reads `results/reference` and `results/other-machine`. Sums of floating-point numbers are taken in another order on another
processor, and training makes much of the last digits.
"""

import sys
from pathlib import Path

import pandas as pd

CELL = ["method", "sampler", "n_components", "model_seed", "budget", "label_seed"]
CURVE = ["method", "n_components"]


def main() -> None:
    """Print how far apart the two runs are, curve by curve."""
    here = Path(__file__).parent
    ours, theirs = (pd.read_parquet(here / name / "records.parquet") for name in ("other-machine", "reference"))
    cells = ours.merge(theirs, on=CELL, suffixes=("", "_reference"), validate="one_to_one")
    if len(cells) != len(ours):
        raise SystemExit(f"only {len(cells)} of {len(ours)} cells are in the reference run")
    cells["points"] = 100 * (cells["accuracy"] - cells["accuracy_reference"])
    sys.stdout.write(f"{'curve':24}{'cells':>8}{'mean':>8}{'furthest mean':>16}{'furthest cell':>16}\n")
    for (method, k), curve in cells.groupby(CURVE):
        at_budgets = curve.groupby("budget")["points"].mean()
        furthest = [max(points, key=abs) for points in (at_budgets, curve["points"])]
        numbers = f"{curve['points'].mean():>+8.1f}{furthest[0]:>+16.1f}{furthest[1]:>+16.1f}"
        sys.stdout.write(f"{f'{method} K={int(k)}':24}{len(curve):>8}{numbers}\n")


if __name__ == "__main__":
    main()
