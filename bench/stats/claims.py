"""The claims of "You Don't Need Many Labels to Learn", each beside what a run measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Int

from bench.stats.cluster_coverage import labels_needed
from bench.stats.coverage import labels_for_confidence
from bench.stats.efficiency import Labels, efficiency_ratio, labels_to_target
from bench.stats.intervals import Interval
from bench.stats.paired import paired_differences
from bench.stats.seeds import TARGET, SeedTable, of_random, seed_tables

_ARITHMETIC, _ABOUT = "arithmetic", 0.25
Verdict = Literal["holds", "does not hold", "cannot be judged"]

PAPER_COMPONENTS, PAPER_ITEMS, PAPER_CLASSES = 100, 145_600, 26
_SOFT_BUDGET, _FEW_BUDGET, _BOOSTED_BUDGET = 291, 73, 10_192
_SOFT_GAIN, _FACTOR, _CONFIDENCE, _COVERAGE_SHARE = 0.18, 35, 0.95, 0.006
_PAPER_MODEL, _PLAIN_VAE = "gmvae-exact", "vae"
# Names of the data set whose letters the paper used; other splits of it are told apart by their size and note.
_PAPER_DATA = "emnist-letters"


@dataclass(frozen=True)
class Claim:
    """One claim, what was measured, and whether it holds here."""

    claim: str
    paper: str
    measured: str
    verdict: Verdict
    why: str
    """What the verdict rests on, or why there is none."""


def claims(records: pd.DataFrame, dataset: dict[str, Any], sizes: Sequence[Int[np.ndarray, " k"]] = ()) -> tuple[Claim, ...]:
    """Judge every claim.

    Parameters
    ----------
    records
        Of one run.
    dataset
        What `dataset.json` says.
    sizes
        Items per cluster (argmax) of each trained model with the paper's K.
    """
    tables = {(table.method, table.n_components): table for table in seed_tables(of_random(records), "accuracy")}
    soft, hard = tables.get(("soft", PAPER_COMPONENTS)), tables.get(("hard", PAPER_COMPONENTS))
    trees = tables.get(("xgboost", None))
    boosted = labels_to_target(trees, TARGET) if trees else None
    judged = (
        _setting(dataset, soft),
        _model(records),
        _soft_accuracy(soft),
        _labels_of_boosting(boosted),
        _factor(labels_to_target(soft, TARGET) if soft else None, boosted),
        _soft_gain(soft, hard, tables.get(("hard-fallback", PAPER_COMPONENTS))),
        _pure_clusters(),
        _coverage(sizes),
    )
    if is_about_the_paper(dataset):
        return judged
    return tuple(_elsewhere(claim, str(dataset["name"])) for claim in judged)


def is_about_the_paper(dataset: dict[str, Any]) -> bool:
    """Say whether a data set, as `dataset.json` describes it, is of the paper's letters, whatever split of them."""
    return bool(dataset["name"] == _PAPER_DATA)


def _elsewhere(claim: Claim, name: str) -> Claim:
    """Withhold judgement of claims about letters on other data; arithmetic holds anywhere."""
    if claim.why == _ARITHMETIC:
        return claim
    return Claim(
        claim.claim, claim.paper, claim.measured, "cannot be judged", f"the claim is about EMNIST letters, the run about {name}"
    )


def _setting(dataset: dict[str, Any], soft: SeedTable | None) -> Claim:
    n, classes = int(dataset["n_pool"]), len(dataset["class_names"])
    same = (n, classes) == (PAPER_ITEMS, PAPER_CLASSES) and soft is not None
    return Claim(
        f"setting: {PAPER_ITEMS:,} EMNIST letters, {PAPER_CLASSES} classes, K = {PAPER_COMPONENTS}",
        f"{PAPER_ITEMS:,}",
        f"{n:,} items, {classes} classes" + ("" if soft else f", no model with K = {PAPER_COMPONENTS}"),
        "holds" if same else "does not hold",
        "the same data and K" if same else str(dataset.get("note") or "other data, or another K; numbers below are about these"),
    )


def _soft_accuracy(soft: SeedTable | None) -> Claim:
    claim = f"soft decoding reaches 80 % with {_SOFT_BUDGET} random labels"
    interval = soft.at(_SOFT_BUDGET) if soft else None
    if interval is None:
        return _missing(claim, "80 %", f"soft with {_SOFT_BUDGET} labels and K = {PAPER_COMPONENTS}")
    verdict, why = _above(interval, TARGET, "80 %")
    return Claim(claim, "80 %", interval.text(100, unit=" %"), verdict, why)


def _labels_of_boosting(boosted: Labels | None) -> Claim:
    claim, paper = "XGBoost needs about 7 % of the labels for 80 %", f"{_BOOSTED_BUDGET:,}"
    if boosted is None:
        return _missing(claim, paper, "xgboost")
    # "About": within a quarter.
    low, high = _BOOSTED_BUDGET * (1 - _ABOUT), _BOOSTED_BUDGET * (1 + _ABOUT)
    if not boosted.reached:
        verdict: Verdict = "does not hold" if boosted.largest >= high else "cannot be judged"
        why = "it needs more" if boosted.largest >= high else f"add a budget of at least {high:,.0f} labels"
        return Claim(claim, paper, f"not reached by {boosted.largest:,}", verdict, why)
    if boosted.at_most:
        verdict = "does not hold" if boosted.smallest < low else "cannot be judged"
        why = "it needs fewer" if boosted.smallest < low else f"add a budget of at most {low:,.0f} labels"
        return Claim(claim, paper, f"{boosted.smallest:,} or fewer", verdict, why)
    if boosted.ci_low is None or boosted.ci_high is None:
        return Claim(claim, paper, f"{boosted.n:,.0f} labels", "cannot be judged", "one seed has no interval")
    upper = f"{boosted.ci_high:,.0f}" if np.isfinite(boosted.ci_high) else f"more than {boosted.largest:,}"
    measured = f"{boosted.n:,.0f} labels ({boosted.ci_low:,.0f} to {upper})"
    if low <= boosted.n <= high or boosted.ci_low <= _BOOSTED_BUDGET <= boosted.ci_high:
        return Claim(claim, paper, measured, "holds", "within a quarter of it, or its interval contains it")
    return Claim(claim, paper, measured, "does not hold", "further than a quarter away, and outside the interval")


def _factor(soft: Labels | None, boosted: Labels | None) -> Claim:
    claim, paper = "that is 35 times the labels of soft decoding", f"{_FACTOR} x"
    if soft is None or boosted is None:
        return _missing(claim, paper, "soft and xgboost")
    ratio = efficiency_ratio(soft, boosted)
    if ratio is None:
        return _missing(claim, paper, "budgets between which both reach 80 %")
    if not ratio.bound:
        interval = Interval(ratio.value, ratio.ci_low, ratio.ci_high)
        return Claim(claim, paper, interval.text(digits=0, unit=" x"), *_above(interval, _FACTOR, str(_FACTOR)))
    measured = f"{'at least' if ratio.bound == '>' else 'at most'} {ratio.value:.0f} x"
    why = "one of the two never crosses 80 % between its budgets, so that there is a bound only"
    if ratio.bound == ">":
        return Claim(claim, paper, measured, "holds" if ratio.value >= _FACTOR else "cannot be judged", why)
    return Claim(claim, paper, measured, "does not hold" if ratio.value < _FACTOR else "cannot be judged", why)


def _soft_gain(soft: SeedTable | None, hard: SeedTable | None, fallback: SeedTable | None) -> Claim:
    claim = f"with {_FEW_BUDGET} labels soft beats hard by 18 points"
    differences = paired_differences([soft], [hard]) if soft and hard else ()
    at = next((difference for difference in differences if difference.n_labeled == _FEW_BUDGET), None)
    if at is None:
        return _missing(claim, "18 points", f"soft and hard with {_FEW_BUDGET} labels and K = {PAPER_COMPONENTS}")
    verdict, why = _above(at.interval, _SOFT_GAIN, "18 points")
    named = paired_differences([fallback], [hard]) if fallback and hard else ()
    gain = next((100 * difference.interval.mean for difference in named if difference.n_labeled == _FEW_BUDGET), None)
    if gain is not None:
        # The paper's hard decoding says class 0 where a cluster has no label.
        why = "; ".join(part for part in (why, f"hard-fallback, which has a name for every cluster, gains {gain:.1f}") if part)
    return Claim(claim, "18 points", at.interval.text(100, unit=" points"), verdict, why)


def _pure_clusters() -> Claim:
    share = 100 * PAPER_COMPONENTS / PAPER_ITEMS
    return Claim("theory: pure, equal clusters need K labels", "100 (0.07 %)", f"100 ({share:.2f} %)", "holds", _ARITHMETIC)


def _model(records: pd.DataFrame) -> Claim:
    names = sorted({str(name) for name in records["model"].dropna()} - {_PLAIN_VAE})
    claim, measured = "setting: the paper's model and objective", ", ".join(names) or "-"
    if not names:
        return Claim(claim, _PAPER_MODEL, measured, "cannot be judged", "the run has no model")
    if names == [_PAPER_MODEL]:
        return Claim(claim, _PAPER_MODEL, measured, "holds", "as --objective exact trains it")
    return Claim(claim, _PAPER_MODEL, measured, "does not hold", "what follows is about this model, not the paper's")


def _coverage(sizes: Sequence[Int[np.ndarray, " k"]]) -> Claim:
    claim = "theory: 0.6 % random labels cover every cluster with 95 % confidence"
    equal = labels_for_confidence(PAPER_COMPONENTS, _CONFIDENCE)
    if not sizes:
        return Claim(
            claim, "0.6 %", f"{equal:,} for equal clusters ({100 * equal / PAPER_ITEMS:.2f} %)", "cannot be judged",
            f"the run has no model with K = {PAPER_COMPONENTS}; its clusters' sizes decide",
        )  # fmt: skip
    brackets = [labels_needed(of_model[of_model > 0], _CONFIDENCE, replacement=False) for of_model in sizes]
    low, high = min(bracket.at_least for bracket in brackets), max(bracket.enough for bracket in brackets)
    empty = sum(int((of_model == 0).sum()) for of_model in sizes)
    # In labels of the paper's pool: clusters need a count, whatever the pool.
    budget = round(_COVERAGE_SHARE * PAPER_ITEMS)
    holds = high <= budget
    return Claim(
        claim,
        f"0.6 % ({budget:,})",
        f"{low:,}-{high:,} labels ({100 * low / PAPER_ITEMS:.2f}-{100 * high / PAPER_ITEMS:.2f} % of {PAPER_ITEMS:,})",
        "holds" if holds else "does not hold" if low > budget else "cannot be judged",
        f"for the cluster sizes of {len(sizes)} model{'s' * (len(sizes) > 1)}, {empty} empty; {equal:,} if they were equal",
    )


def _above(interval: Interval, threshold: float, name: str) -> tuple[Verdict, str]:
    """Judge "at least" by the interval; without one, only say where the mean lies."""
    if interval.ci_low is None or interval.ci_high is None:
        return (
            "cannot be judged",
            f"one seed has no interval; its value lies {'above' if interval.mean >= threshold else 'below'} {name}",
        )
    if interval.ci_low >= threshold:
        return "holds", f"the whole interval lies at or above {name}"
    if interval.ci_high < threshold:
        return "does not hold", f"the whole interval lies below {name}"
    return "cannot be judged", f"the interval contains {name}; more seeds would narrow it"


def _missing(claim: str, paper: str, what: str) -> Claim:
    return Claim(claim, paper, "-", "cannot be judged", f"the run lacks {what}")
