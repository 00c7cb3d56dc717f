"""Coverage of clusters of unequal sizes by random labels, with and without replacement; and what was observed in a run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import gammaln

from bench.stats.seeds import of_random

_SIMULATIONS = 2_000
_CHUNK_VALUES = 20_000_000


@dataclass(frozen=True)
class AllCovered:
    """P(every cluster has a label): bounds from both sides and a simulation between them."""

    lower: float
    upper: float
    simulated: float
    standard_error: float


@dataclass(frozen=True)
class LabelsNeeded:
    """Labels for a confidence that every cluster has one."""

    confidence: float
    at_least: int
    """With fewer the confidence cannot be reached: the upper bound lies below it."""
    enough: int
    """With these it is reached: the lower bound is there."""


@dataclass(frozen=True)
class Observed:
    """Clusters covered in a run's label draws, and what that did to accuracy."""

    n_components: int
    n_labeled: int
    n_draws: int
    covered: float
    """Mean over draws."""
    all_covered: float
    """Share of draws."""
    correlation: float | None
    """Spearman's, of clusters covered and accuracy over a model's draws, mean over models; `None` for fewer than three values."""


def covered_probabilities(sizes: Int[np.ndarray, " k"], n_labels: int, *, replacement: bool) -> Float[np.ndarray, " k"]:
    """P(a cluster has a label) for each, when n labels go to random items: 1 - (1 - s/N)^n, or 1 - C(N-s, n) / C(N, n)."""
    s = np.asarray(sizes, float)
    total = s.sum()
    if replacement:
        with np.errstate(divide="ignore"):
            return np.asarray(-np.expm1(n_labels * np.log1p(-s / total)))
    rest = total - s
    left = np.where(rest >= n_labels, rest, np.nan)
    log_missed = gammaln(left + 1) - gammaln(left - n_labels + 1) - gammaln(total + 1) + gammaln(total - n_labels + 1)
    return np.asarray(np.where(np.isnan(left), 1.0, -np.expm1(np.minimum(0, log_missed))))


def all_covered_bounds(sizes: Int[np.ndarray, " k"], n_labels: int, *, replacement: bool) -> tuple[float, float]:
    """Bounds of P(all covered): Boole's inequality below; above the product of the single probabilities.

    The product is an upper bound because counts of labels in clusters are negatively associated (Joag-Dev & Proschan 1983), with
    replacement (multinomial) and without (multivariate hypergeometric).
    """
    p = covered_probabilities(sizes, n_labels, replacement=replacement)
    if n_labels < len(p):
        return 0.0, 0.0
    with np.errstate(divide="ignore"):
        upper = float(np.exp(np.log(p).sum()))
    return max(0.0, 1 - float((1 - p).sum())), upper


def all_covered(sizes: Int[np.ndarray, " k"], n_labels: int, *, replacement: bool, seed: int = 0) -> AllCovered:
    """Return bounds of P(all covered) and its simulation over 2,000 draws of labels."""
    rng = np.random.default_rng(seed)
    hits, per_chunk = 0, max(1, _CHUNK_VALUES // len(sizes))
    for start in range(0, _SIMULATIONS, per_chunk):
        draws = min(per_chunk, _SIMULATIONS - start)
        if replacement:
            counts = rng.multinomial(n_labels, np.asarray(sizes, float) / np.sum(sizes), size=draws)
        else:
            counts = rng.multivariate_hypergeometric(sizes, n_labels, size=draws, method="marginals")
        hits += int((counts > 0).all(axis=1).sum())
    share = hits / _SIMULATIONS
    # At 0 and 1 the plain standard error vanishes; Agresti & Coull's (1998) does not.
    centre = (hits + 2) / (_SIMULATIONS + 4)
    error = float(np.sqrt(centre * (1 - centre) / (_SIMULATIONS + 4)))
    return AllCovered(*all_covered_bounds(sizes, n_labels, replacement=replacement), share, error)


def labels_needed(sizes: Int[np.ndarray, " k"], confidence: float, *, replacement: bool) -> LabelsNeeded:
    """Return the bracket in which the fewest labels with P(all covered) >= confidence lie."""

    def fewest(side: int) -> int:
        low, high = len(sizes), int(np.sum(sizes)) if not replacement else len(sizes)
        while replacement and all_covered_bounds(sizes, high, replacement=True)[side] < confidence:
            high *= 2
        while low < high:
            middle = (low + high) // 2
            there = all_covered_bounds(sizes, middle, replacement=replacement)[side] >= confidence
            low, high = (low, middle) if there else (middle + 1, high)
        return low

    return LabelsNeeded(confidence, at_least=fewest(1), enough=fewest(0))


def observed_coverage(records: pd.DataFrame, method: str = "soft") -> tuple[Observed, ...]:
    """Return what the run's random draws covered, per K and budget, from the records of one method on the clusters."""
    drawn = of_random(records)
    chosen = drawn[(drawn["method"] == method) & (drawn["status"] == "ok") & drawn["clusters_covered"].notna()]
    observed, within = [], _correlations(chosen)
    key: Any
    for key, group in chosen.groupby(["n_components", "n_labeled"]):
        k, n_labeled = key
        covered = group["clusters_covered"].to_numpy(float)
        known = within.get(key, np.array([]))
        correlation = float(np.mean(known)) if len(known) else None
        observed.append(
            Observed(int(k), int(n_labeled), len(group), float(covered.mean()), float((covered == k).mean()), correlation)
        )
    return tuple(observed)


def _correlations(draws: pd.DataFrame) -> dict[Any, Float[np.ndarray, " m"]]:
    """Return by K and budget Spearman's correlations of clusters covered with accuracy over the draws of each model.

    Within models: that one model is better and covers more says nothing about draws. All at once, since a run may have thousands.
    """
    if draws.empty:
        return {}
    names = ["clusters_covered", "accuracy"]
    by = ["n_components", "n_labeled", "model_seed"]
    values = draws[[*by, *names]].astype(dict.fromkeys(names, float))
    groups = values.groupby(by, dropna=False)
    # A draw or two that miss a cluster are no trend.
    varies = (groups[names].nunique() > 2).all(axis=1)
    ranks = groups[names].rank()
    centred = ranks - ranks.groupby([values[name] for name in by], dropna=False).transform("mean")
    products = pd.DataFrame(
        {
            "both": centred[names[0]] * centred[names[1]],
            **{name: centred[name] ** 2 for name in names},
        }
    )
    sums = products.groupby([values[name] for name in by], dropna=False).sum()[varies]
    correlations: Any = sums["both"] / np.sqrt(sums[names[0]] * sums[names[1]])
    return {key: of_models.to_numpy() for key, of_models in correlations.groupby(level=[0, 1])}
