"""Several runs in one table and, over several data sets, a test of whether the ranks of methods differ."""

from collections.abc import Sequence

import numpy as np

from bench.reading.open_run import OpenRun
from bench.reading.tables.scores import score_cell, scored_means
from bench.show.grid import Grid
from bench.stats.efficiency import area_under_curve, rank_test
from bench.stats.order import order_note, ordered
from bench.stats.seeds import LOWER_IS_BETTER, METRICS, SeedTable, seed_tables, shared_budgets

_MANY_DATASETS = 2


def compare(runs: Sequence[OpenRun], metric: str) -> Grid:
    """Return the scores of several runs, methods together."""
    tables = [seed_tables(run.records, metric) for run in runs]
    names = run_names(runs)
    lower = metric in LOWER_IS_BETTER
    every = [(name, table) for name, of_run in zip(names, tables, strict=True) for table in of_run]
    budgets = tuple(sorted({n for _, table in every for n in table.budgets}))
    # Methods by their best run, the runs of one method together.
    ranked, shared = ordered({row: scored_means(row[1]) for row in every}, lower_is_better=lower)
    first = {table.label: position for position, (_, table) in reversed(list(enumerate(ranked)))}
    rows = sorted(ranked, key=lambda row: first[row[1].label])
    values = [
        (table.label, name, n, interval.mean, interval.ci_low, interval.ci_high)
        for name, table in rows
        for n in table.budgets
        if (interval := table.at(n)) is not None
    ]
    words = METRICS[metric]
    failed = ["!: some cells failed"] if any(any(table.failed) for _, table in rows) else []
    return Grid(
        f"{words}, mean and 95 % interval",
        ("method", "run", *(f"{n:,}" for n in budgets)),
        tuple((table.label, name, *(score_cell(table, n, metric) for n in budgets)) for name, table in rows),
        (*(f"{name}: {_about(run)}" for name, run in zip(names, runs, strict=True)), *order_note(shared, budgets), *failed),
        left=frozenset({0, 1}),
        data=(("method", "run", "n_labeled", "mean", "ci_low", "ci_high"), *values),
        footer=_rank_test(runs, tables, metric),
    )


def _about(run: OpenRun) -> str:
    models = ", ".join(run.every["model"].dropna().unique())
    epochs = run.stored.config.get("settings", {}).get("epochs", "?")
    about = f"{run.name}, {run.described['n_pool']:,} items, {models}, {epochs} epochs"
    return about + "".join(f"; {note}" for note in run.selections)


def run_names(runs: Sequence[OpenRun]) -> list[str]:
    """Return a short name for each run: its folder's, and more of the path where two are the same."""
    paths = [run.folder.resolve() for run in runs]
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(set(paths)):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]


def _rank_test(runs: Sequence[OpenRun], tables: Sequence[Sequence[SeedTable]], metric: str) -> str:
    """Say whether ranks by area under the curve differ over data sets; empty where the runs are not of several."""
    n_datasets = len({run.name for run in runs})
    if n_datasets < _MANY_DATASETS or n_datasets != len(runs):
        return ""
    areas = []
    for of_run in tables:
        budgets = shared_budgets(of_run)
        by_label = {table.label: area_under_curve(table, budgets) for table in of_run}
        areas.append({label: area.mean for label, area in by_label.items() if area is not None})
    common = sorted(set.intersection(*(set(of_run) for of_run in areas)))
    sign = -1 if metric in LOWER_IS_BETTER else 1
    test = (
        rank_test(sign * np.array([[of_run[label] for label in common] for of_run in areas]), common) if len(common) > 1 else None
    )
    if test is None:
        return ""
    order = ", ".join(f"{label} {rank:.1f}" for label, rank in sorted(test.ranks.items(), key=lambda item: item[1]))
    return (
        f"mean ranks by area under the curve over {len(tables)} data sets: {order}\n"
        f"Friedman's test: p = {test.p:.3g}; ranks further apart than {test.critical_difference:.1f} differ (Nemenyi, 5 %)"
    )
