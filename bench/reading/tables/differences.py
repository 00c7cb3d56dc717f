"""Differences of methods to a reference that was shown the same labelled items, tested."""

from collections.abc import Sequence

import numpy as np

from bench.errors import SettingsError
from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.reading.tables.references import references
from bench.show.grid import Cell, Grid, Note
from bench.show.texts import bounds_text
from bench.stats.order import order_note, ordered
from bench.stats.paired import Difference, paired_differences

TITLE = "Differences"
_LEVEL = 0.05
# Where the reader names none: the first of these that the run has.
_REFERENCES = ("xgboost", "logreg", "hard")


def make(run: OpenRun, ask: Ask) -> Grid | None:
    """Compare every method shown with the reference.

    Raises
    ------
    SettingsError
        If a reference is named that the run does not have, or that has nothing in common with another method.
    """
    there = set(run.records_of_all_methods["method"])
    name = ask.reference or next((name for name in _REFERENCES if name in there), None)
    if name is None:
        return None
    tables, bases = references(run, ask.metric, name)
    differences = paired_differences(tables, bases)
    if not differences and ask.reference is not None:
        raise SettingsError(f"--reference {name} has no budget and label draw in common with another method of the run")
    return differences_grid(differences, name, run.selections) if differences else None


def differences_grid(differences: Sequence[Difference], reference: str, selections: Sequence[str] = ()) -> Grid:
    """Return each method's difference to the reference in points, by budget."""
    by_label: dict[str, dict[int, Difference]] = {}
    for difference in differences:
        by_label.setdefault(difference.label, {})[difference.n_labeled] = difference
    budgets = tuple(sorted({difference.n_labeled for difference in differences}))
    order, shared = ordered({label: {n: d.interval.mean for n, d in of.items()} for label, of in by_label.items()})
    items = _about_the_items([reference, *order])
    return Grid(
        f"Accuracy minus that of {reference}, in points",
        ("method", *(f"{n:,}" for n in budgets)),
        tuple((label, *(_cell(by_label[label].get(n)) for n in budgets)) for label in order),
        (
            Note(f"{items}; below: 95 % interval", f"{items}; 95 % intervals need a wider terminal, or --format csv"),
            _about_the_test(differences),
            *order_note(shared, budgets),
            *selections,
        ),
        data=(
            ("method", "n_labeled", "difference", "ci_low", "ci_high", "n_pairs", "p", "p_holm"),
            *(
                (d.label, d.n_labeled, d.interval.mean, d.interval.ci_low, d.interval.ci_high, d.n_pairs, d.p, d.p_holm)
                for d in differences
            ),
        ),
    )


def _about_the_items(labels: Sequence[str]) -> str:
    # This is how `curve_label` names a sampler that is not random.
    samplers = {label.partition(" @")[2].partition(" ")[0] for label in labels}
    return "same labelled items in both" + ("" if len(samplers) == 1 else " where the sampler (@) is the same")


def _about_the_test(differences: Sequence[Difference]) -> str:
    pairs, tests = max(d.n_pairs for d in differences), sum(d.p is not None for d in differences)
    if 2 / 2**pairs * tests > _LEVEL:
        needed = int(np.ceil(np.log2(2 * tests / _LEVEL)))
        return f"no test: {tests} differences need {needed} label draws to be significant (Wilcoxon, Holm), here are {pairs}"
    return "*: p < 0.05, Wilcoxon's signed-rank test over label draws, corrected for all comparisons here (Holm)"


def _cell(difference: Difference | None) -> Cell:
    if difference is None:
        return Cell("-")
    star = "*" if difference.p_holm is not None and difference.p_holm < _LEVEL else ""
    interval = difference.interval
    return Cell(f"{100 * interval.mean:+.1f}{star}", bounds_text(interval, 100, "+.0f"))
