"""Differences between methods that were shown the same labelled items."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from bench.stats.intervals import Interval, table_interval
from bench.stats.seeds import SeedTable

_MAX_EXACT = 13


@dataclass(frozen=True)
class Difference:
    """A method's score minus the reference's, at one budget."""

    label: str
    n_labeled: int
    interval: Interval
    n_pairs: int
    """Label draws compared."""
    p: float | None
    """Wilcoxon's signed-rank test over label seeds; `None` where nothing differs or there are fewer than two pairs."""
    p_holm: float | None
    """The same, corrected for all comparisons of the table (Holm 1979)."""


def paired_differences(tables: Sequence[SeedTable], references: Sequence[SeedTable]) -> tuple[Difference, ...]:
    """Return the difference of every other method to the reference at every budget that both have.

    The reference may have several K: a method is compared with the one of its own K, or with the first where there is none; and
    only with the one that was shown labels of the same quality.
    Pairs share the label draw, and the model where both methods have the same ones; a method without models is compared with each
    of the other's. The test is over label seeds (means over models), since draws are independent while cells of one model are
    not: it is about these models, the interval about models in general.
    """
    rows: list[tuple[str, int, Interval, int, float | None]] = []
    for table in tables:
        if any(table is reference for reference in references):
            continue
        alike = [one for one in references if one.supervision == table.supervision]
        if not alike:
            continue
        reference = next((one for one in alike if one.n_components == table.n_components), alike[0])
        for n_labeled in sorted(set(table.budgets) & set(reference.budgets)):
            difference = _difference(table, reference, n_labeled)
            if np.isfinite(difference).any():
                draws = _mean_over_models(difference)
                draws = draws[np.isfinite(draws)]
                rows.append((table.label, n_labeled, table_interval(difference), len(draws), wilcoxon(draws)))
    corrected = holm([p for *_, p in rows])
    return tuple(Difference(*row, p_holm) for row, p_holm in zip(rows, corrected, strict=True))


def _difference(table: SeedTable, reference: SeedTable, n_labeled: int) -> Float[np.ndarray, "m s"]:
    shared = [seed for seed in table.label_seeds if seed in reference.label_seeds]
    ours, theirs = (
        _observations(one, other, n_labeled)[:, [one.label_seeds.index(seed) for seed in shared]]
        for one, other in ((table, reference), (reference, table))
    )
    both = [seed for seed in table.model_seeds if seed in reference.model_seeds]
    if both:
        ours, theirs = (
            scores[[known.index(seed) for seed in both]]
            for scores, known in ((ours, table.model_seeds), (theirs, reference.model_seeds))
        )
    elif len(ours) > 1 and len(theirs) > 1:
        # Models of different seeds are independent: pairing them as they come keeps both variances in the differences.
        fewest = min(len(ours), len(theirs))
        ours, theirs = ours[:fewest], theirs[:fewest]
    difference: Float[np.ndarray, "m s"] = ours - theirs
    return difference


def _observations(table: SeedTable, other: SeedTable, n_labeled: int) -> Float[np.ndarray, "m s"]:
    """Return the scores that count, by model and draw.

    A sampler that leaves nothing to chance has one draw. It is compared with every draw of a method that has several, not with
    the one that happens to have its number.
    """
    lone, several = (_n_fresh(one, n_labeled) for one in (table, other))
    scores: Float[np.ndarray, "b m s"] = table.scores if lone == 1 < several else table.fresh_scores
    counted: Float[np.ndarray, "m s"] = scores[table.budgets.index(n_labeled)]
    return counted


def _n_fresh(table: SeedTable, n_labeled: int) -> int:
    """Return the draws of a table that show items of their own to some model."""
    return int(np.isfinite(table.fresh_scores[table.budgets.index(n_labeled)]).any(axis=0).sum())


def _mean_over_models(values: Float[np.ndarray, "m s"]) -> Float[np.ndarray, " s"]:
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    mean = np.full(values.shape[1], np.nan)
    np.divide(np.where(known, values, 0).sum(axis=0), counts, out=mean, where=counts > 0)
    return mean


def wilcoxon(differences: Float[np.ndarray, " s"]) -> float | None:
    """Return the two-sided p of Wilcoxon's signed-rank test, zeros left out, ties sharing ranks; `None` where there is no test.

    Up to 13 differences with every sign, so that it is exact with ties too; beyond that by the normal approximation.
    """
    # Rounding must not break ties.
    known = np.round(differences[differences != 0], 12)
    if len(differences) < 2 or not len(known):
        return None
    if len(known) == 1:
        return 1.0
    every_sign = stats.PermutationMethod(n_resamples=2**_MAX_EXACT)
    return float(stats.wilcoxon(known, method=every_sign if len(known) <= _MAX_EXACT else "approx").pvalue)


def holm(p: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return Holm's (1979) step-down adjusted p-values; `None` is no test and stays."""
    order = sorted((value, index) for index, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, index) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * value))
        adjusted[index] = largest
    return tuple(adjusted)
