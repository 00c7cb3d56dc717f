"""The comparison table as data: method x budget, what is best, and in which order."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.plan.selection import WITHIN, selection_words
from bench.stats.seeds import LOWER_IS_BETTER, curve_label


@dataclass(frozen=True)
class Score:
    """One mean with its interval; shares as percentages."""

    mean: float | None
    ci_low: float | None
    ci_high: float | None
    n_failed: int
    best: bool
    """Whether no other method has a better mean at this budget."""


@dataclass(frozen=True)
class Comparison:
    """A table ready to be rendered in any format."""

    dataset: str
    n_pool: int
    n_known: int
    """Items of the pool whose label is known: the ones that can be shown, and scored."""
    n_test: int
    n_classes: int
    note: str
    """What a reader of any number from these data must know."""
    metric: str
    n_components: tuple[int, ...]
    n_model_seeds: int
    n_label_seeds: int
    budgets: tuple[str, ...]
    """As they were asked for."""
    rows: tuple[tuple[str, tuple[Score | None, ...]], ...]
    """Curve (method, sampler unless random, K where there are several) and scores, the best average over budgets first."""
    selections: tuple[str, ...] = ()
    """Of methods whose settings were chosen, not given: how, and what it took in labels."""


def compare(records: pd.DataFrame, curves: pd.DataFrame, dataset: dict[str, Any], metric: str) -> Comparison:
    """Arrange curves (of `bench.stats.curves.curves`) as a table; `dataset` is what `dataset.json` says."""
    budgets = sorted(curves["n_labeled"].unique())
    components = tuple(sorted(int(k) for k in curves["n_components"].dropna().unique()))
    lower = metric in LOWER_IS_BETTER
    best = curves.groupby("n_labeled")["mean"].agg("min" if lower else "max")
    rows: list[tuple[float, str, tuple[Score | None, ...]]] = []
    for label, group in curves.groupby("label", sort=False):
        by_budget = group.set_index("n_labeled")
        scores = tuple(_score(by_budget.loc[n], best[n], metric) if n in by_budget.index else None for n in budgets)
        means = [score.mean for score in scores if score is not None and score.mean is not None]
        worst = float("inf") if lower else float("-inf")
        rows.append((sum(means) / len(means) if means else worst, str(label), scores))
    rows.sort(key=lambda row: row[0] if lower else -row[0])
    asked = {int(n): str(budget) for n, budget in zip(records["n_labeled"], records["budget"], strict=True)}
    return Comparison(
        dataset=str(dataset["name"]),
        n_pool=int(dataset["n_pool"]),
        n_known=int(dataset.get("n_pool_labels_known", dataset["n_pool"])),
        n_test=int(dataset["n_test"]),
        n_classes=len(dataset["class_names"]),
        note=str(dataset.get("note", "")),
        metric=metric,
        n_components=components,
        n_model_seeds=records["model_seed"].nunique(),
        n_label_seeds=records["label_seed"].nunique(),
        budgets=tuple(asked[n] for n in budgets),
        rows=tuple((label, scores) for _, label, scores in rows),
        selections=selection_notes(records),
    )


def selection_notes(records: pd.DataFrame) -> tuple[str, ...]:
    """Say of methods whose settings were chosen, not given, how, and what it took in labels."""
    return tuple(f"{', '.join(methods)}: {selection_words(*chosen)}" for chosen, methods in _selections(records).items())


def _selections(records: pd.DataFrame) -> dict[tuple[str, int], list[str]]:
    """Return the methods of every way in which settings were chosen, with the labels it read."""
    if "selection" not in records:
        return {}
    chosen = records[records["selection"].notna()]
    # Within the labels shown the number differs by budget, and costs nothing beside them.
    read = chosen["selection_labels"].where(chosen["selection"] != WITHIN, 0).fillna(0)
    found: dict[tuple[str, int], list[str]] = {}
    for selection, n_labels, method, sampler in zip(chosen["selection"], read, chosen["method"], chosen["sampler"], strict=True):
        methods = found.setdefault((str(selection), int(n_labels)), [])
        name = curve_label(str(method), str(sampler), None, oracle=False)
        if name not in methods:
            methods.append(name)
    return found


def _score(row: "pd.Series[Any]", best: float, metric: str) -> Score:
    scale = 1 if metric in LOWER_IS_BETTER else 100
    mean, low, high = (None if pd.isna(row[name]) else scale * float(row[name]) for name in ("mean", "ci_low", "ci_high"))
    return Score(mean, low, high, int(row["n_failed"]), best=mean is not None and mean == scale * best)
