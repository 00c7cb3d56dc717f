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
    ways: dict[tuple[str, int], dict[str, list[str]]] = {}
    for selection, n_labels, method, sampler in zip(chosen["selection"], read, chosen["method"], chosen["sampler"], strict=True):
        samplers = ways.setdefault((str(selection), int(n_labels)), {}).setdefault(str(method), [])
        if sampler not in samplers:
            samplers.append(str(sampler))
    every = records.groupby("method")["sampler"].nunique()
    return {
        way: [name for method, samplers in of.items() for name in _names(method, samplers, int(every[method]))]
        for way, of in ways.items()
    }


def _names(method: str, samplers: list[str], n_every: int) -> list[str]:
    """Return a method's curves, or its name alone where these are all that it has."""
    return [method] if len(samplers) == n_every else [curve_label(method, sampler, None) for sampler in samplers]
