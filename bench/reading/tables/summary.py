"""The run at a glance: a few methods, labels to a target, accuracy at a few budgets."""

from collections.abc import Sequence

import numpy as np

from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.reading.tables.scores import score_cell, seeds_notes
from bench.show.grid import Grid
from bench.show.texts import labels_text
from bench.stats.chief import chief_tables
from bench.stats.efficiency import labels_to_target
from bench.stats.seeds import seed_tables

TITLE = ""
_MAX_BUDGETS = 4


def make(run: OpenRun, ask: Ask) -> Grid | None:  # noqa: ARG001 - it chooses what it shows
    """Take the chief methods, and the target that the run's answer speaks of."""
    tables = seed_tables(run.chief_records, "accuracy")
    found = run.answer
    if found is None:
        return None
    chief = chief_tables(tables)
    every = sorted({n for table in chief for n in table.scored_budgets})
    budgets = some_budgets(every, found.n_labeled)
    best = {n: max((i.mean for table in chief if (i := table.at(n)) is not None), default=None) for n in budgets}
    k = "" if run.components is None else f", K = {run.components}"
    return Grid(
        f"{run.name}: {run.described['n_pool']:,} items{k}",
        ("method", f"labels for {100 * found.target:.0f} %", *(f"% at {n:,}" for n in budgets)),
        tuple(
            (
                table.label,
                labels_text(labels_to_target(table, found.target)),
                *(score_cell(table, n, "accuracy", best=best[n]) for n in budgets),
            )
            for table in chief
        ),
        (
            f"% at n: of the items without a label named right, with n labels; {len(chief)} of {len(tables)} methods",
            *seeds_notes(run.chief_records),
        ),
    )


def some_budgets(every: Sequence[int], wanted: int) -> list[int]:
    """Return at most four budgets: the first, the last, the one wanted, and what lies between on a log scale."""
    if len(every) <= _MAX_BUDGETS:
        return list(every)
    chosen = {every[0], every[-1], wanted}
    aims = np.geomspace(every[0], every[-1], _MAX_BUDGETS)[1:-1]
    for aim in aims:
        if len(chosen) < _MAX_BUDGETS:
            left = [n for n in every if n not in chosen]
            chosen.add(min(left, key=lambda n: abs(np.log(n / aim))))
    return sorted(chosen)
