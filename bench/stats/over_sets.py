"""Scores of methods over several data sets, as arrays: what every statistic over sets starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from bench.errors import SettingsError, unknown_name
from bench.stats.efficiency import log_weights
from bench.stats.seeds import DERIVED, LOWER_IS_BETTER, METRICS, curve_label

# Where the best method is hardly better than naming the largest class, differences are not blown up to more than this span.
_LEAST_SPAN = 0.01


@dataclass(frozen=True, eq=False)
class OfSet:
    """What one data set contributes."""

    name: str
    records: pd.DataFrame
    budgets: Mapping[int, str]
    """Numbers of labels that count, and how the suite asks for them (`5/class`)."""
    chance: float
    """The score of always naming the largest class: its share, or, of macro accuracy, one by the number of classes."""


@dataclass(frozen=True, eq=False)
class SuiteScores:
    """Scores of methods that were judged on every set at every budget, one per draw of labels (means over models).

    A failed cell counts as the worst score that any method has with the same labels, and no more than chance.
    """

    sets: tuple[str, ...]
    methods: tuple[str, ...]
    budgets: tuple[str, ...]
    """As asked for, smallest first."""
    scores: Float[np.ndarray, "d k b s"]
    """NaN where a set has no such budget or draw."""
    n_labeled: Int[np.ndarray, "d b"]
    """0 where a set has no such budget."""
    failed: Int[np.ndarray, "d k b"]
    """Cells that failed."""
    chance: Float[np.ndarray, " d"]
    unranked: Mapping[str, int]
    """Methods that lack cells, with the number of pairs of set and budget that they have."""

    @property
    def means(self) -> Float[np.ndarray, "d k b"]:
        """Means over draws; NaN where a set has no such budget."""
        known = np.isfinite(self.scores)
        counts = known.sum(axis=3)
        means = np.full(counts.shape, np.nan)
        np.divide(np.where(known, self.scores, 0).sum(axis=3), counts, out=means, where=counts > 0)
        return means

    @property
    def there(self) -> Bool[np.ndarray, "d b"]:
        """Whether a set has a budget."""
        present: np.ndarray = self.n_labeled > 0
        return present

    def rising(self, i: int) -> Int[np.ndarray, " b"]:
        """Return the places of the budgets that set `i` has, the fewest labels first: `1%` and `5/class` change places by set."""
        places = np.flatnonzero(self.there[i])
        rising: np.ndarray = places[np.argsort(self.n_labeled[i, places], kind="stable")]
        return rising

    def normalised(self) -> Float[np.ndarray, "d k b s"]:
        """Scores where 0 is chance (always the largest class), or worse, and 1 the best method's mean at that set and budget."""
        return np.array([normalised(of_set, float(chance)) for of_set, chance in zip(self.scores, self.chance, strict=True)])

    def areas(self) -> Float[np.ndarray, "d k"]:
        """Mean score over the log of the number of labels (trapezoids), of each method on each set."""
        means = self.means
        rising = [self.rising(i) for i in range(len(self.sets))]
        return np.array([means[i][:, b] @ log_weights(self.n_labeled[i, b]) for i, b in enumerate(rising)])

    def of(self, methods: Sequence[str]) -> "SuiteScores":
        """Return the part for some methods, in that order; `soft@cluster` is `soft @cluster`, as in `--methods`.

        Raises
        ------
        SettingsError
            For a method that is not ranked.
        """
        if not methods:
            raise SettingsError("--methods names no method; leave it out for all of them")
        row_of = {_as_asked(name): row for row, name in enumerate(self.methods)}
        for name in methods:
            if _as_asked(name) not in row_of:
                raise unknown_name("ranked method", name, list(row_of))
        rows = [row_of[_as_asked(name)] for name in methods]
        return SuiteScores(
            self.sets,
            tuple(self.methods[row] for row in rows),
            self.budgets,
            self.scores[:, rows],
            self.n_labeled,
            self.failed[:, rows],
            self.chance,
            self.unranked,
        )


def _as_asked(name: str) -> str:
    """Return a method's label as users spell it: `soft@cluster` of `soft @cluster`, and `soft` of `soft@random`."""
    return name.replace(" @", "@").removesuffix("@random")


def normalised(scores: Float[np.ndarray, "k b *draws"], chance: float) -> Float[np.ndarray, "k b *draws"]:
    """Return the scores of one set where 0 is chance, or worse, and 1 the best method's mean over draws (the last axis)."""
    known = np.isfinite(scores)
    counts = known.sum(axis=-1)
    means = np.full(counts.shape, -np.inf)
    np.divide(np.where(known, scores, 0).sum(axis=-1), counts, out=means, where=counts > 0)
    scaled: np.ndarray = np.maximum((scores - chance) / span_of(means.max(axis=0), chance)[..., None], 0)
    return scaled


def span_of(best: Float[np.ndarray, "*b"], chance: float) -> Float[np.ndarray, "*b"]:
    """Return what counts as 1 above chance, given the best method's mean."""
    span: np.ndarray = np.maximum(best - chance, _LEAST_SPAN)
    return span


def suite_scores(of_sets: Sequence[OfSet], metric: str = "accuracy", supervision: str = "") -> SuiteScores:
    """Arrange the records of several data sets, of labels of one quality (`bench.plan.supervision`).

    Raises
    ------
    SettingsError
        For a metric that is not a share, or if no method was judged everywhere.
    """
    shares = [name for name in METRICS if name not in (*LOWER_IS_BETTER, *DERIVED)]
    if metric not in shares:
        raise unknown_name("metric of suites", metric, shares)
    several = any(len(one.records["n_components"].dropna().unique()) > 1 for one in of_sets)
    tables = [_tabled(one, metric, supervision, several=several) for one in of_sets]
    budgets = _in_order(of_sets)
    n_labeled = np.array([[next((n for n, text in one.budgets.items() if text == b), 0) for b in budgets] for one in of_sets])
    labels = list(dict.fromkeys(str(label) for table in tables for label in table["label"].unique()))
    draws = sorted({int(seed) for table in tables for seed in table["label_seed"].unique()})
    total, finished, failed = _arranged(tables, (labels, budgets, draws))
    # Every method with a cell is in the ranking, or named beside it.
    complete = _with_every_draw(finished + failed > 0)
    n_wanted, n_complete = int((n_labeled > 0).sum()), complete.sum(axis=(0, 2))
    rows = [k for k, n in enumerate(n_complete) if n == n_wanted]
    if not rows:
        raise SettingsError(
            f"no method has its {metric} at every budget of every set, with the draws that the others have; repeat the suite's "
            "command to go on, look at some sets with --sets, or, for accuracy_test, hold items out"
        )
    total, finished, failed = total[:, rows], finished[:, rows], failed[:, rows]
    # Methods are compared on the same draws: those that all of them have at every budget of a set.
    common = ((finished + failed > 0) | (n_labeled == 0)[:, None, :, None]).all(axis=(1, 2))[:, None, None]
    total, finished, failed = total * common, finished * common, failed * common
    chance = np.array([one.chance for one in of_sets])
    return SuiteScores(
        tuple(one.name for one in of_sets),
        tuple(labels[k] for k in rows),
        budgets,
        _with_failures(total, finished, failed, chance),
        n_labeled,
        failed.sum(axis=3),
        chance,
        {label: int(n) for label, n in zip(labels, n_complete, strict=True) if n < n_wanted},
    )


def _arranged(
    tables: Sequence[pd.DataFrame], names: tuple[Sequence[str], Sequence[str], Sequence[int]]
) -> tuple[Float[np.ndarray, "d k b s"], Int[np.ndarray, "d k b s"], Int[np.ndarray, "d k b s"]]:
    """Return sums of scores, cells finished and cells failed, by set, method, budget and draw."""
    shape = (len(tables), *(len(of) for of in names))
    total, finished, failed = np.zeros(shape), np.zeros(shape, int), np.zeros(shape, int)
    index = [pd.Index(list(of)) for of in names]
    for i, table in enumerate(tables):
        columns = (table["label"], table["budget"], table["label_seed"])
        at = tuple(of.get_indexer(pd.Index(column)) for of, column in zip(index, columns, strict=True))
        total[i][at], finished[i][at], failed[i][at] = table["total"], table["finished"], table["failed"]
    return total, finished, failed


def _with_every_draw(judged: Bool[np.ndarray, "d k b s"]) -> Bool[np.ndarray, "d k b"]:
    """Say which methods have, at a budget of a set, every draw that at least half of the methods there have."""
    present = judged.any(axis=3)
    needed = 2 * judged.sum(axis=1) >= present.sum(axis=1)[:, :, None]
    complete: np.ndarray = present & (judged | ~needed[:, None]).all(axis=3)
    return complete


def _tabled(one: OfSet, metric: str, supervision: str, *, several: bool) -> pd.DataFrame:
    """Return a row per method, budget and draw: sum of scores over models, cells finished, cells failed.

    `several`: whether labels say K.
    """
    quality = one.records["supervision"]
    wanted = (quality == supervision).fillna(False) if supervision else quality.isna()
    records = one.records[one.records["n_labeled"].isin(list(one.budgets)) & wanted]
    # A finished cell without the metric, such as accuracy on held-out items where there are none, says nothing.
    records = records[(records["status"] != "ok") | records[metric].notna()]
    finished = records["status"] == "ok"
    frame = pd.DataFrame(
        {
            "label": _labels(records, several=several),
            "n_labeled": records["n_labeled"],
            "label_seed": records["label_seed"].astype(int),
            "total": records[metric].where(finished, 0).astype(float),
            "finished": finished.astype(int),
            "failed": (~finished).astype(int),
        }
    )
    table = frame.groupby(["label", "n_labeled", "label_seed"], sort=False, observed=True).sum().reset_index()
    table["budget"] = table["n_labeled"].map(dict(one.budgets))
    return table


def _labels(records: pd.DataFrame, *, several: bool) -> pd.Series:
    """Return the label of each record's curve; each is made once, because there may be a million records."""
    ks = records["n_components"] if several else pd.Series(pd.NA, index=records.index, dtype="Int64")
    curves = pd.DataFrame({"method": records["method"], "sampler": records["sampler"], "k": ks})
    number = curves.groupby(["method", "sampler", "k"], dropna=False, sort=False).ngroup()
    firsts = curves[~number.duplicated()]
    named = zip(firsts["method"], firsts["sampler"], firsts["k"].fillna(0).astype(int), strict=True)
    labels = [curve_label(method, sampler, k or None) for method, sampler, k in named]
    return pd.Series(pd.Categorical.from_codes(number.to_numpy(), categories=pd.Index(labels)), index=records.index)


def _in_order(of_sets: Sequence[OfSet]) -> tuple[str, ...]:
    """Return the budgets of all sets by their size: shares and counts per class mix.

    The size of a budget is fitted, by least squares, to the log of its number of labels, which a set shifts as a whole: a set
    of many classes that lacks the largest budget makes the others larger, but not larger than that one.
    """
    texts = list(dict.fromkeys(text for one in of_sets for text in one.budgets.values()))
    cells = [(i, texts.index(text), np.log(n)) for i, one in enumerate(of_sets) for n, text in one.budgets.items()]
    design = np.zeros((len(cells), len(of_sets) + len(texts)))
    for row, (i, place, _) in enumerate(cells):
        design[row, [i, len(of_sets) + place]] = 1
    sizes = np.linalg.lstsq(design, np.array([size for *_, size in cells]))[0][len(of_sets) :]
    return tuple(texts[place] for place in np.argsort(sizes, kind="stable"))


def _with_failures(
    total: Float[np.ndarray, "d k b s"],
    finished: Int[np.ndarray, "d k b s"],
    failed: Int[np.ndarray, "d k b s"],
    chance: Float[np.ndarray, " d"],
) -> Float[np.ndarray, "d k b s"]:
    """Return means over models, in which a failed cell has the worst score of all with the same labels."""
    means = np.full(total.shape, np.nan)
    np.divide(total, finished, out=means, where=finished > 0)
    worst = np.minimum(np.nanmin(np.where(np.isnan(means), np.inf, means), axis=1), chance[:, None, None])[:, None]
    scores = np.full(total.shape, np.nan)
    counts = finished + failed
    np.divide(total + failed * worst, counts, out=scores, where=counts > 0)
    return scores
