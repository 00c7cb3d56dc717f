"""Backtest of `gmvae-bench recommend` on data whose labels are all known: do its intervals hold, and what does its choice cost.

    python results/recommend/measure.py RUN ... --budgets 50,100 --draws 5 > backtest.csv

Each RUN is the folder of a run with a trained model. For every budget and draw of random labels it prints what is recommended and
expected, and what is so: the accuracy of that method and of the best candidate on all other items, with the labels there are and
with twice and four times as many.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bench.engine.steps import threads
from bench.labelling.given import GivenLabels
from bench.labelling.recommend import ALL, recommend, see
from bench.labelling.workplace import Workplace, open_workplace
from bench.plan.samplers import RANDOM, labeled_items
from bench.reading.open_run import OpenRun


def accuracies(names: list[str], views: dict, dataset, order: np.ndarray, n_labeled: int) -> dict[str, float]:
    """Return the share of all other items that each candidate tells from the first labels of a draw."""
    y = dataset.shown(order[:n_labeled])
    rest = (y < 0) & dataset.known
    found = {}
    for name in names:
        view = views[ALL[name].representation]
        learner = ALL[name].make(dataset.n_classes, 1, 0).fit(view, y)
        transduction = getattr(learner, "transduction_", None)
        said = learner.predict(view) if transduction is None else transduction
        found[name] = float((said[rest] == dataset.labels[rest]).mean())
    return found


def rows_of(run: Path, budgets: list[int], draws: int, data_dir: Path | None):
    """Yield a row per budget and draw."""
    dataset = OpenRun(run, data_dir=data_dir, empty=True).data
    workplace: Workplace = open_workplace(run, dataset)
    views = see(workplace)
    for budget in budgets:
        for draw in range(draws):
            order = labeled_items(dataset.labels, dataset.sha256, RANDOM, draw, min(4 * budget, dataset.n_known))
            given = GivenLabels(order[:budget], dataset.labels[order[:budget]], dataset.class_names)
            said = recommend(workplace, given)
            true = accuracies(list(ALL), views, dataset, order, budget)
            row = {"data": run.name, "n_labeled": budget, "draw": draw, "method": said.method, "accuracy": true[said.method]}
            row |= {"best": max(true, key=lambda name: true[name]), "best_accuracy": max(true.values())}
            for times in (1, 2, 4):
                if times * budget > len(order) or said.outlook is None:
                    continue
                truth = accuracies([said.method], views, dataset, order, times * budget)[said.method]
                expected = said.outlook.curve.accuracy(times * budget)
                row |= {f"true_{times}": truth, f"expected_{times}": expected.mean}
                row |= {f"low_{times}": expected.ci_low, f"high_{times}": expected.ci_high}
            if said.outlook is not None:
                row |= {"stop": said.outlook.stop, "expected_gain": said.outlook.gain.mean}
            yield row


def main() -> None:
    """Print the table, and a summary of it to the error stream."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--budgets", default="50,100,500")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()
    budgets = [int(part) for part in given.budgets.split(",")]
    with threads(1):
        table = pd.DataFrame([row for run in given.runs for row in rows_of(run, budgets, given.draws, given.data_dir)])
    table.round(4).to_csv(sys.stdout, index=False)
    for times in (1, 2, 4):
        known = table.dropna(subset=[f"true_{times}"])
        held = known[f"true_{times}"].between(known[f"low_{times}"], known[f"high_{times}"])
        width = (known[f"high_{times}"] - known[f"low_{times}"]).mean()
        sys.stderr.write(f"{times} times the labels: {held.mean():.2f} of {len(held)} intervals hold, mean width {width:.3f}\n")
    regret = table.best_accuracy - table.accuracy
    sys.stderr.write(f"choice: {regret.mean():.4f} below the best on average, within 0.015 in {(regret <= 0.015).mean():.2f}\n")


if __name__ == "__main__":
    main()
