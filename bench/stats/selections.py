"""Notes on methods whose settings were chosen: how, and how many labels that took."""

import pandas as pd

from bench.plan.selection import WITHIN, selection_words
from bench.stats.seeds import curve_label


def selection_notes(records: pd.DataFrame) -> tuple[str, ...]:
    """Return a note on each way in which settings were chosen: for which methods, how, and how many labels that took."""
    return tuple(f"{', '.join(methods)}: {selection_words(*chosen)}" for chosen, methods in _selections(records).items())


def _selections(records: pd.DataFrame) -> dict[tuple[str, int], list[str]]:
    """Return the methods of every way in which settings were chosen, with the labels it read."""
    if "selection" not in records:
        return {}
    chosen = records[records["selection"].notna()]
    # Within the labels shown the number differs by budget, and costs nothing beside them.
    read = chosen["selection_labels"].where(chosen["selection"] != WITHIN, 0).fillna(0)
    selections: dict[tuple[str, int], list[str]] = {}
    samplers = records.groupby("method")["sampler"].nunique()
    for (selection, n_labels, method), of in chosen.assign(read=read).groupby(["selection", "read", "method"], sort=False):
        there = of["sampler"].unique()
        # A method alone stands for all samplers that it has.
        names = [str(method)] if len(there) == samplers[method] else [curve_label(str(method), str(one), None) for one in there]
        selections.setdefault((str(selection), int(n_labels)), []).extend(names)
    return selections
