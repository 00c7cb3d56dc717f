"""Samplers as an axis: for each method, what it makes of labels that were chosen one way or another."""

import numpy as np

from bench.plan.selection import ORACLE_MARK
from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.reading.tables.scores import score_cell, scored_means, seeds_notes
from bench.show.grid import Cell, Grid
from bench.stats.order import order_note, ordered
from bench.stats.seeds import LOWER_IS_BETTER, METRICS, SeedTable, seed_tables

TITLE = "Samplers"


def make(run: OpenRun, ask: Ask) -> Grid | None:
    """Arrange the samplers under each method that ran with several; `None` where none did."""
    tables = [table for table in seed_tables(run.records, ask.metric) if any(scored_means(table))]
    groups: dict[tuple[str, int | None], list[SeedTable]] = {}
    ks = sorted({table.n_components for table in tables if table.n_components is not None})
    of_k = {(table.method, table.n_components) for table in tables}
    for table in tables:
        # A method without a model has a K where a model chose the labels: beside each of these stand the random ones.
        beside: list[int | None] = [k for k in ks if table.n_components is None and (table.method, k) in of_k]
        for k in beside or [table.n_components]:
            groups.setdefault((table.method, k), []).append(table)
    groups = {key: group for key, group in groups.items() if len({table.sampler for table in group}) > 1}
    if not groups:
        return None
    lower = ask.metric in LOWER_IS_BETTER
    asked = dict(zip(run.records["n_labeled"], run.records["budget"], strict=True))
    budgets = tuple(sorted({n for group in groups.values() for table in group for n in table.budgets}))
    leaders, shared = ordered({key: _best(group, lower) for key, group in groups.items()}, lower_is_better=lower)
    several_k = len({k for _, k in groups if k is not None}) > 1
    rows: list[tuple[Cell | str, ...]] = []
    for key in leaders:
        group, _ = ordered({table: scored_means(table) for table in groups[key]}, lower_is_better=lower)
        best, name = _best(group, lower), key[0] + (f", K = {key[1]}" if several_k and key[1] else "")
        rows += [
            (
                name if table is group[0] else "",
                table.sampler + table.marks,
                *(score_cell(table, n, ask.metric, best=best.get(n)) for n in budgets),
            )
            for table in group
        ]
    return Grid(
        f"{run.name}: what labels are worth by how they were chosen",
        ("method", "labels by", *(asked[n] for n in budgets)),
        tuple(rows),
        (
            METRICS[ask.metric],
            "bold: the best sampler of a method" + (", oracles aside" if any(map(_is_oracle, tables)) else ""),
            *seeds_notes(run.records),
            *order_note(shared, budgets),
            *run.selections,
        ),
        left=frozenset({0, 1}),
        dense=True,
    )


def _best(group: list[SeedTable], lower: bool) -> dict[int, float]:
    """Return the best mean of a method at every budget, of what a user can have: oracles only where there is nothing else."""
    means: dict[int, list[float]] = {}
    for table in [table for table in group if not _is_oracle(table)] or group:
        for n, mean in scored_means(table).items():
            means.setdefault(n, []).append(mean)
    return {n: float(np.min(values) if lower else np.max(values)) for n, values in means.items()}


def _is_oracle(table: SeedTable) -> bool:
    return ORACLE_MARK in table.marks
