"""Prints and draws what `random.csv`, the trials of one search, says of criteria that choose settings.

python results/search/show.py
"""

from pathlib import Path

import pandas as pd
from rich.console import Console

from bench.search.figures import agreement_figure
from bench.search.tables import correlations_grid
from bench.show.grid import render_grid
from bench.stats.rank_correlation import RankCorrelation, rank_correlation

HERE = Path(__file__).parent
FREE = ("elbo", "invariance", "stability")
_COLLAPSED = 0.5
FEW, ALL = "accuracy@291", "oracle-accuracy@291"


def agreement(trials: pd.DataFrame, one: str, other: str) -> tuple[str, str, list[float], list[float], RankCorrelation]:
    """Return two criteria over all trials, and their rank correlation."""
    x, y = trials[one].tolist(), trials[other].tolist()
    found = rank_correlation(x, y)
    if found is None:
        raise SystemExit(f"{one} or {other} is constant")
    return one, other, x, y, found


def main() -> None:
    """Print the correlations and what each criterion would have chosen; draw `agreement.png`."""
    trials = pd.read_csv(HERE / "random.csv")
    console = Console(width=100, highlight=False)
    pairs = [(one, other) for one in FREE for other in (FEW, ALL)] + [(FEW, ALL)]
    found = [agreement(trials, *pair) for pair in pairs]
    console.print(render_grid(correlations_grid([(one, other, rho) for one, other, _, _, rho in found]), console.width))
    sound = trials[trials[ALL] > _COLLAPSED]
    console.print(f"\nwith {ALL} over the {len(sound)} trials whose clusters did not collapse:")
    for name in (*FREE, FEW):
        rho = agreement(sound, name, ALL)[-1]
        console.print(f"  {name:20} {rho.rho:+.2f} ({rho.ci_low:+.2f} to {rho.ci_high:+.2f})")
    default, best = trials[ALL].iloc[0], trials[ALL].max()
    console.print(f"\n{ALL} of the default {default:.3f}; of the trial that each criterion puts first:")
    for name in (*FREE, FEW, ALL):
        chosen = trials.loc[trials[name].idxmax()]
        console.print(f"  {name:20} trial {int(chosen['trial']):2}  {chosen[ALL]:.3f}")
    console.print(f"the best of all trials has {best:.3f}, their median {trials[ALL].median():.3f}")
    figure = agreement_figure([agreement(trials, name, ALL) for name in (*FREE, FEW)])
    figure.savefig(HERE / "agreement.png", dpi=110)


if __name__ == "__main__":
    main()
