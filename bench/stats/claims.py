"""The claims of "You Don't Need Many Labels to Learn", each beside what a run measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Int

from bench.stats.cluster_coverage import labels_needed
from bench.stats.coverage import labels_for_confidence
from bench.stats.efficiency import efficiency_ratio, labels_to_target
from bench.stats.intervals import Interval, table_interval
from bench.stats.paired import paired_differences
from bench.stats.seeds import SeedTable, seed_tables

Verdict = Literal["holds", "does not hold", "cannot be judged"]

TARGET, STUDY_COMPONENTS, STUDY_ITEMS, STUDY_CLASSES = 0.8, 100, 145_600, 26
_SOFT_BUDGET, _FEW_BUDGET, _BOOSTED_BUDGET = 291, 73, 10_192
_SOFT_GAIN, _FACTOR, _CONFIDENCE, _COVERAGE_SHARE = 0.18, 35, 0.95, 0.006
# Names of the data set whose letters the study used; other splits of it are told apart by their size and note.
_STUDY_DATA = "emnist-letters"


@dataclass(frozen=True)
class Claim:
    """One claim, what was measured, and whether it holds here."""

    claim: str
    study: str
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
        Items per cluster (argmax) of each trained model with the study's K.
    """
    tables = {(table.method, table.n_components): table for table in seed_tables(records, "accuracy")}
    soft, hard = tables.get(("soft", STUDY_COMPONENTS)), tables.get(("hard", STUDY_COMPONENTS))
    boosted = tables.get(("xgboost", None))
    judged = (
        _setting(dataset, soft),
        _soft_accuracy(soft),
        _labels_of_boosting(boosted),
        _factor(soft, boosted),
        _soft_gain(soft, hard),
        _pure_clusters(),
        _coverage(sizes, int(dataset["n_pool"])),
    )
    if dataset["name"] == _STUDY_DATA:
        return judged
    return tuple(_elsewhere(claim, str(dataset["name"])) for claim in judged)


def _elsewhere(claim: Claim, name: str) -> Claim:
    """Withhold judgement of claims about letters on other data; arithmetic holds anywhere."""
    if claim.claim.startswith("theory"):
        return claim
    return Claim(
        claim.claim, claim.study, claim.measured, "cannot be judged", f"the claim is about EMNIST letters, the run about {name}"
    )


def _setting(dataset: dict[str, Any], soft: SeedTable | None) -> Claim:
    n, classes = int(dataset["n_pool"]), len(dataset["class_names"])
    same = (n, classes) == (STUDY_ITEMS, STUDY_CLASSES) and soft is not None
    return Claim(
        f"setting: {STUDY_ITEMS:,} EMNIST letters, {STUDY_CLASSES} classes, K = {STUDY_COMPONENTS}",
        f"{STUDY_ITEMS:,}",
        f"{n:,} items, {classes} classes" + ("" if soft else f", no model with K = {STUDY_COMPONENTS}"),
        "holds" if same else "does not hold",
        "the same data and K" if same else str(dataset.get("note") or "other data, or another K; numbers below are about these"),
    )


def _soft_accuracy(soft: SeedTable | None) -> Claim:
    claim = f"soft decoding reaches 80 % with {_SOFT_BUDGET} random labels"
    interval = _at(soft, _SOFT_BUDGET)
    if interval is None:
        return _missing(claim, "80 %", f"soft with {_SOFT_BUDGET} labels and K = {STUDY_COMPONENTS}")
    verdict, why = _above(interval, TARGET, "80 %")
    return Claim(claim, "80 %", _percent(interval), verdict, why)


def _labels_of_boosting(boosted: SeedTable | None) -> Claim:
    claim = "XGBoost needs about 7 % of the labels for 80 %"
    if boosted is None:
        return _missing(claim, f"{_BOOSTED_BUDGET:,}", "xgboost")
    labels = labels_to_target(boosted, TARGET)
    if not labels.reached:
        enough = labels.largest >= _BOOSTED_BUDGET
        return Claim(
            claim,
            f"{_BOOSTED_BUDGET:,}",
            f"not reached by {labels.largest:,}",
            "does not hold" if enough else "cannot be judged",
            "it needs more" if enough else f"add a budget of at least {_BOOSTED_BUDGET:,} labels",
        )
    low, high = labels.ci_low or labels.n, labels.ci_high or labels.n
    # "About": within a quarter, or within the interval.
    holds = 0.75 <= labels.n / _BOOSTED_BUDGET <= 1.25 or low <= _BOOSTED_BUDGET <= high
    return Claim(
        claim,
        f"{_BOOSTED_BUDGET:,}",
        f"{labels.n:,.0f} labels ({_number(labels.ci_low)}-{_number(labels.ci_high)})",
        "holds" if holds else "does not hold",
        "within a quarter of it, or of its interval" if holds else "further than a quarter away, and outside the interval",
    )


def _factor(soft: SeedTable | None, boosted: SeedTable | None) -> Claim:
    claim = "that is 35 times the labels of soft decoding"
    if soft is None or boosted is None:
        return _missing(claim, "35 x", "soft and xgboost")
    ratio = efficiency_ratio(soft, boosted, TARGET)
    if ratio is None:
        return _missing(claim, "35 x", "budgets at which both reach 80 %")
    verdict, why = _above(ratio, _FACTOR, "35")
    bounds = "" if ratio.ci_low is None or ratio.ci_high is None else f" ({ratio.ci_low:.0f}-{ratio.ci_high:.0f})"
    return Claim(claim, "35 x", f"{ratio.mean:.0f} x{bounds}", verdict, why)


def _soft_gain(soft: SeedTable | None, hard: SeedTable | None) -> Claim:
    claim = f"with {_FEW_BUDGET} labels soft beats hard by 18 points"
    found = paired_differences([soft], [hard]) if soft and hard else ()
    at = next((difference for difference in found if difference.n_labeled == _FEW_BUDGET), None)
    if at is None:
        return _missing(claim, "18 points", f"soft and hard with {_FEW_BUDGET} labels and K = {STUDY_COMPONENTS}")
    verdict, why = _above(at.interval, _SOFT_GAIN, "18 points")
    return Claim(claim, "18 points", _percent(at.interval, " points"), verdict, why)


def _pure_clusters() -> Claim:
    share = 100 * STUDY_COMPONENTS / STUDY_ITEMS
    return Claim("theory: pure, equal clusters need K labels", "100 (0.07 %)", f"100 ({share:.2f} %)", "holds", "arithmetic")


def _coverage(sizes: Sequence[Int[np.ndarray, " k"]], n_pool: int) -> Claim:
    claim = "theory: 0.6 % random labels cover every cluster with 95 % confidence"
    equal = labels_for_confidence(STUDY_COMPONENTS, _CONFIDENCE)
    if not sizes:
        return Claim(
            claim, "0.6 %", f"{equal:,} for equal clusters ({100 * equal / STUDY_ITEMS:.2f} %)", "cannot be judged",
            f"the run has no model with K = {STUDY_COMPONENTS}; its clusters' sizes decide",
        )  # fmt: skip
    brackets = [labels_needed(of_model[of_model > 0], _CONFIDENCE, replacement=False) for of_model in sizes]
    low, high = min(bracket.at_least for bracket in brackets), max(bracket.enough for bracket in brackets)
    empty = sum(int((of_model == 0).sum()) for of_model in sizes)
    budget = _COVERAGE_SHARE * n_pool
    holds = high <= budget
    return Claim(
        claim,
        "0.6 %",
        f"{low:,}-{high:,} ({100 * low / n_pool:.2f}-{100 * high / n_pool:.2f} %)",
        "holds" if holds else "does not hold" if low > budget else "cannot be judged",
        f"for the sizes of {len(sizes)} models' clusters, {empty} of them empty; {equal:,} if they were equal",
    )


def _above(interval: Interval, threshold: float, name: str) -> tuple[Verdict, str]:
    """Judge "at least": by the interval where there is one, else by nothing but the mean."""
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


def _at(table: SeedTable | None, n_labeled: int) -> Interval | None:
    if table is None or n_labeled not in table.budgets:
        return None
    values = table.scores[table.budgets.index(n_labeled)]
    return table_interval(values) if np.isfinite(values).any() else None


def _missing(claim: str, study: str, what: str) -> Claim:
    return Claim(claim, study, "-", "cannot be judged", f"the run lacks {what}")


def _percent(interval: Interval, unit: str = " %") -> str:
    bounds = (
        ""
        if interval.ci_low is None or interval.ci_high is None
        else f" ({100 * interval.ci_low:.1f}-{100 * interval.ci_high:.1f})"
    )
    return f"{100 * interval.mean:.1f}{unit}{bounds}"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}" if np.isfinite(value) else "not reached"
