"""The comparison: method by budget, mean and 95 % interval, the best in bold."""

from collections.abc import Sequence

import pandas as pd

from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.show.grid import Cell, Grid, Note
from bench.show.texts import bounds_text
from bench.stats.curves import curves
from bench.stats.order import order_note, ordered
from bench.stats.ranks import average_ranks
from bench.stats.seeds import LOWER_IS_BETTER, METRICS, SeedTable, over_seeds, seed_tables

TITLE = "Accuracy by number of labels"
_SELECTION = ["selection", "selection_labels"]
# Classes are unequal where the largest holds this many times an even share: then accuracy alone says little.
_UNEQUAL = 1.5


def make(run: OpenRun, ask: Ask) -> Grid:
    """Arrange the scores of the methods shown."""
    tables = seed_tables(run.records, ask.metric)
    asked = dict(zip(run.records["n_labeled"], run.records["budget"], strict=True))
    budgets = tuple(sorted({n for table in tables for n in table.budgets}))
    rows, shared = ordered({table: scored_means(table) for table in tables}, lower_is_better=ask.metric in LOWER_IS_BETTER)
    best = _best(tables, budgets, ask.metric)
    macro = macro_scores(run, run.records) if ask.metric == "accuracy" else {}
    return Grid(
        heading(run),
        ("labels", *(asked[n] for n in budgets)),
        tuple(
            (
                table.label,
                *(score_cell(table, n, ask.metric, best=best.get(n), macro=macro.get(table.label, {}).get(n)) for n in budgets),
            )
            for table in rows
        ),
        (
            METRICS[ask.metric],
            *_of_classes(run, ask.metric, shown=bool(macro)),
            *seeds_notes(run.records),
            *order_note(shared, budgets),
            *run.selections,
            *_about_the_data(run),
        ),
        data=_values(run.records, ask.metric),
        dense=True,
        footer=_ranks(tables, ask.metric),
    )


def heading(run: OpenRun) -> str:
    """Say what the data are: items, held-out ones, classes, and K where there is one."""
    dataset = run.described
    n_pool, n_test = int(dataset["n_pool"]), int(dataset["n_test"])
    components = sorted(int(k) for k in run.records["n_components"].dropna().unique())
    held_out = f" + {n_test:,} held out" if n_test else ""
    k = f", K = {components[0]}" if len(components) == 1 else ""
    known = f" ({run.n_known:,} with a label)" if run.n_known < n_pool else ""
    return f"{run.name}: {n_pool:,} items{known}{held_out}, {len(dataset['class_names'])} classes{k}"


def macro_scores(run: OpenRun, records: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Return macro accuracy by method and budget, where classes are so unequal that it must stand beside accuracy."""
    share = run.largest_share
    if share is None or share * len(run.described["class_counts"]) < _UNEQUAL:
        return {}
    if not records["macro_accuracy"].notna().any():
        return {}
    return {table.label: scored_means(table) for table in seed_tables(records, "macro_accuracy")}


def _of_classes(run: OpenRun, metric: str, *, shown: bool) -> tuple[str, ...]:
    share = run.largest_share
    if metric != "accuracy" or share is None:
        return ()
    beside = ("after the stroke: macro accuracy, the mean over classes, which are unequal",) if shown else ()
    return (*beside, f"to always name the largest class: {100 * share:.1f} %")


def _about_the_data(run: OpenRun) -> tuple[str, ...]:
    note = str(run.described.get("note", ""))
    return (note,) if note else ()


def seeds_notes(records: pd.DataFrame) -> tuple[Note | str, ...]:
    """Say what means and intervals are over."""
    n_models, n_draws = records["model_seed"].nunique(), records["label_seed"].nunique()
    if n_draws == 1 and n_models <= 1:
        return ("one model and one draw of labels: no interval",)
    over = over_seeds(records)
    of_ensembles: tuple[str, ...] = ()
    if "models" in records and records["models"].notna().any():
        of_ensembles = (
            "an ensemble answers once for all models of a K: its interval speaks of these models and of other labels",
        )
    return (
        Note(
            f"mean and 95 % interval over {over}",
            f"mean over {over}; 95 % intervals need a wider terminal, or --format csv",
        ),
        *of_ensembles,
    )


def scored_means(table: SeedTable) -> dict[int, float]:
    """Return a method's mean at every budget where it has a score."""
    return {n: interval.mean for n in table.budgets if (interval := table.at(n)) is not None}


def _best(tables: Sequence[SeedTable], budgets: Sequence[int], metric: str) -> dict[int, float]:
    """Return the best mean at every budget."""
    best = min if metric in LOWER_IS_BETTER else max
    means = [scored_means(table) for table in tables]
    return {n: best(of[n] for of in means if n in of) for n in budgets if any(n in of for of in means)}


def score_cell(table: SeedTable, n_labeled: int, metric: str, *, best: float | None = None, macro: float | None = None) -> Cell:
    """Return a method's mean at a budget with its interval below it; what failed is marked, never averaged in.

    `macro` is a mean that stands beside the other.
    """
    if n_labeled not in table.budgets:
        return Cell("-", style="dim")
    interval, scale = table.at(n_labeled), 1 if metric in LOWER_IS_BETTER else 100
    failed = table.failed[table.budgets.index(n_labeled)] if table.failed else 0
    if interval is None:
        return Cell("failed", style="red") if failed else Cell("-", style="dim")
    below = bounds_text(interval, scale, ".1f")
    beside = (
        ""
        if interval.ci_low is None or interval.ci_high is None
        else (f"{scale * interval.ci_low:.1f}, {scale * interval.ci_high:.1f}")
    )
    return Cell(
        f"{scale * interval.mean:.1f}" + ("" if macro is None else f"/{scale * macro:.1f}"),
        below,
        beside,
        best=interval.mean == best,
        mark="!" if failed else "",
        remark=f"{failed} failed" if failed else "",
    )


def _ranks(tables: Sequence[SeedTable], metric: str) -> str:
    ranks = average_ranks(tables, lower_is_better=metric in LOWER_IS_BETTER)
    if len(ranks) < 2:
        return ""
    order = sorted(ranks.items(), key=lambda item: item[1])
    return "mean rank over budgets and label draws: " + ", ".join(f"{label} {rank:.1f}" for label, rank in order)


def _values(records: pd.DataFrame, metric: str) -> tuple[tuple[object, ...], ...]:
    """Return curves as rows of numbers, with how settings were chosen where they were."""
    key = ["method", "sampler", "n_labeled"]
    chosen, table = records.groupby(key)[_SELECTION].first(), curves(records, metric)
    table = table.join(chosen, on=key) if chosen["selection"].notna().any() else table
    values = table.astype(object).where(table.notna(), None)
    return (tuple(table.columns), *values.itertuples(index=False, name=None))
