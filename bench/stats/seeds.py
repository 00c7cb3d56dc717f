"""Records as tables of seeds: what every statistic over seeds starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from bench.errors import SettingsError, number_of, unknown_name
from bench.plan.samplers import RANDOM
from bench.plan.selection import ORACLE_MARK, PRETRAINED_MARK, is_oracle
from bench.stats.intervals import Interval, table_interval

METRICS = {
    "accuracy": "accuracy in %, transductive (on the unlabelled rest of the pool)",
    "macro_accuracy": "macro accuracy in %, transductive (mean over classes)",
    "accuracy_test": "accuracy in %, inductive (on held-out items)",
    "fit_seconds": "seconds to fit",
    "macro_f1": "macro F1 in %, transductive (mean over classes of the harmonic mean of precision and recall)",
    "kappa": "Cohen's kappa in %, transductive (agreement beyond chance)",
    "matthews": "Matthews correlation in %, transductive",
}
"""Columns of records that are compared, and what they are; the last ones are computed from kept predictions when asked for."""
DERIVED = ("macro_f1", "kappa", "matthews")
BELOW_CHANCE = ("kappa", "matthews")
"""Metrics that are 0 at chance, and may be below."""
TARGET = 0.8
"""The accuracy that the paper asks for: labels to a target are counted up to it, and figures draw a line there."""
LOWER_IS_BETTER = ("fit_seconds",)
NO_MODEL_SEED = -1
CURVE = ("method", "sampler", "n_components", "supervision")
"""Records that share these are points of one curve."""


@dataclass(frozen=True, eq=False)
class SeedTable:
    """One method's scores at every budget and seed; NaN where a cell failed or is missing."""

    method: str
    n_components: int | None
    budgets: tuple[int, ...]
    model_seeds: tuple[int, ...]
    """Only -1 for a method without a model, and for an ensemble of all where none chose the items."""
    label_seeds: tuple[int, ...]
    scores: Float[np.ndarray, "b m s"]
    label: str
    """Method, sampler unless random, K where records hold several, and a mark where labels were read that no user has."""
    sampler: str = RANDOM
    needs: str = "nothing"
    """Of the method, as records say it: `nothing`, `clusters`, `model`, `models` or `vae`."""
    fresh: Bool[np.ndarray, "b m s"] | None = None
    """Whether a draw showed other items than those of smaller label seeds; `None`: all did. A sampler that leaves nothing to
    chance shows the same ones at every seed, which is one observation, however often it is made."""
    failed: tuple[int, ...] = ()
    """Cells that failed, by budget; those that were not run are not among them."""
    highest: float = 1.0
    """The highest value of the metric: intervals end there."""
    lowest: float = 0.0
    """The lowest, likewise."""
    marks: str = ""
    """What the label ends in: on what it rests that no user has."""
    supervision: str = ""
    """What is wrong with the labels shown; empty for nothing."""

    def at(self, n_labeled: int) -> Interval | None:
        """Return the mean at a budget with its interval; `None` where the method has no score there."""
        if n_labeled not in self.budgets:
            return None
        scores = self.fresh_scores[self.budgets.index(n_labeled)]
        if not np.isfinite(scores).any():
            return None
        return self.interval(scores)

    def interval(self, values: Float[np.ndarray, "m s"]) -> Interval:
        """Return the mean of values of the metric, one per model and draw, with its interval inside the metric's bounds."""
        interval = table_interval(values)
        # Student's interval knows no bounds; a share does. Seconds only have the lower one.
        ends = self.lowest, self.highest
        low, high = (None if bound is None else float(np.clip(bound, *ends)) for bound in (interval.ci_low, interval.ci_high))
        return Interval(interval.mean, low, high)

    @property
    def fresh_scores(self) -> Float[np.ndarray, "b m s"]:
        """Scores with NaN for draws that repeat others."""
        return self.scores if self.fresh is None else np.where(self.fresh, self.scores, np.nan)

    @property
    def scored_budgets(self) -> tuple[int, ...]:
        """Budgets at which at least one cell has a score."""
        return tuple(n for n, scores in zip(self.budgets, self.scores, strict=True) if np.isfinite(scores).any())


def seed_tables(records: pd.DataFrame, metric: str) -> tuple[SeedTable, ...]:
    """Return a table per method, sampler and number of components, in the order in which records name them.

    Raises
    ------
    SettingsError
        For an unknown metric, or one that no finished record has.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if metric not in records:
        raise SettingsError(
            f"no record has {metric!r}: it is computed from predictions; `table` does so, and a run keeps them with "
            "--keep-predictions"
        )
    if not records[metric].notna().any() and (records["status"] == "ok").any():
        raise SettingsError(f"no record has {metric!r}; accuracy_test needs a run with --holdout")
    highest = float("inf") if metric in LOWER_IS_BETTER else 1.0
    several = len(records["n_components"].dropna().unique()) > 1
    tables = []
    filled = records.assign(model_seed=records["model_seed"].fillna(NO_MODEL_SEED).astype(int))
    filled = filled.assign(**{column: None for column in ("models", "supervision") if column not in filled})
    # Ensembles of other models are other curves: a run may have been repeated with more.
    ensembles = filled.groupby("method")["models"].nunique()
    key: Any
    for key, group in filled.groupby([*CURVE, "models"], dropna=False, sort=False):
        method, sampler, k, supervision, of = key
        supervision = "" if pd.isna(supervision) else str(supervision)
        budgets, models, labels = (tuple(sorted(group[name].unique())) for name in ("n_labeled", "model_seed", "label_seed"))
        values = np.full((len(budgets), len(models), len(labels)), np.nan)
        finished = group[(group["status"] == "ok") & group[metric].notna()]
        indices = tuple(
            np.searchsorted(known, finished[name])
            for known, name in ((budgets, "n_labeled"), (models, "model_seed"), (labels, "label_seed"))
        )
        values[indices] = finished[metric].to_numpy(float)
        ints = [tuple(map(int, seeds)) for seeds in (budgets, models, labels)]
        chosen = group["selection"].dropna().unique() if "selection" in group else ()
        marks = marks_text(
            oracle=("oracle" in group and bool(group["oracle"].any())) or any(is_oracle(str(criterion)) for criterion in chosen),
            pretrained="pretrained" in group and bool(group["pretrained"].notna().any()),
        )
        tables.append(
            SeedTable(
                method=str(method),
                n_components=None if pd.isna(k) else int(k),
                budgets=ints[0],
                model_seeds=ints[1],
                label_seeds=ints[2],
                scores=values,
                label=curve_label(
                    f"{method} of {str(of).replace(',', '+')}" if ensembles[method] > 1 else str(method),
                    str(sampler),
                    int(k) if several and not pd.isna(k) else None,
                    supervision,
                )
                + marks,
                sampler=str(sampler),
                needs=str(group["needs"].iloc[0]) if "needs" in group else "nothing",
                fresh=_fresh(finished, indices, values.shape),
                failed=tuple(int(((group["n_labeled"] == n) & (group["status"] != "ok")).sum()) for n in ints[0]),
                highest=highest,
                lowest=-1.0 if metric in BELOW_CHANCE else 0.0,
                marks=marks,
                supervision=supervision,
            )
        )
    return tuple(tables)


def _fresh(finished: pd.DataFrame, indices: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> Bool[np.ndarray, "b m s"] | None:
    if "shown" not in finished or finished["shown"].isna().all():
        return None
    fresh = np.ones(shape, bool)
    first = finished.sort_values("label_seed")
    repeats = first["shown"].notna() & first.duplicated(["n_labeled", "model_seed", "shown"])
    fresh[tuple(index[repeats.loc[finished.index].to_numpy(bool)] for index in indices)] = False
    return fresh


def curve_label(method: str, sampler: str, n_components: int | None, supervision: str = "") -> str:
    """Name a curve: `soft`, `soft @cluster`, `soft K=100`, `soft (noise 0.1)`."""
    parts = [f"@{sampler}" if sampler != RANDOM else "", f"K={n_components}" if n_components else ""]
    return " ".join(filter(None, [method, *parts, f"({supervision})" if supervision else ""]))


def marks_text(*, oracle: bool, pretrained: bool) -> str:
    """Return what a name ends in where scores rest on labels that no user has, or on other data."""
    return PRETRAINED_MARK * pretrained + ORACLE_MARK * oracle


def over_seeds(records: pd.DataFrame) -> str:
    """Say what means and intervals of some records are over: `3 models and 5 to 20 draws of labels`."""
    seeds = records.groupby(["method", "sampler", "n_components"], dropna=False)[["model_seed", "label_seed"]].nunique()
    models, draws = seeds["model_seed"], f"{_range(seeds['label_seed'], 'draw')} of labels"
    return f"{_range(models[models > 0], 'model')} and {draws}" if models.any() else draws


def over_seeds_of_each(records: pd.DataFrame) -> str:
    """Say what means are over, as `over_seeds` does, and that those of methods without a model are over draws alone."""
    alone = 0 < records["model_seed"].isna().sum() < len(records)
    return over_seeds(records) + (" (the draws alone for methods without a model)" if alone else "")


def _range(counts: "pd.Series[int]", what: str) -> str:
    """Return how many of them methods have."""
    least, most = int(counts.min()), int(counts.max())
    return number_of(most, what) if least == most else f"{least:,} to {number_of(most, what)}"


def of_random(records: pd.DataFrame) -> pd.DataFrame:
    """Return the records of labels drawn at random, as in the paper and in theory."""
    return records[records["sampler"] == RANDOM]


def of_one_kind(records: pd.DataFrame) -> pd.DataFrame:
    """Return the records of random labels, or of the first sampler where there are none: for figures without room for more."""
    random = of_random(records)
    return records[records["sampler"] == records["sampler"].iloc[0]] if random.empty and len(records) else random


def reference_tables(tables: Sequence[SeedTable], name: str) -> list[SeedTable]:
    """Return the tables that a reference's name means: a label, else a method with random labels, else with its first sampler."""
    by_label = [table for table in tables if table.label == name]
    by_method = [table for table in tables if table.method == name]
    samplers = dict.fromkeys([RANDOM, *(table.sampler for table in by_method)])
    of_each = ([table for table in by_method if table.sampler == sampler] for sampler in samplers)
    return by_label or next((group for group in of_each if group), [])


def shared_budgets(tables: Sequence[SeedTable]) -> tuple[int, ...]:
    """Return the budgets at which every one of the methods has a score."""
    return tuple(sorted(set.intersection(*(set(table.scored_budgets) for table in tables)))) if tables else ()
