"""Statistics of a run as tables: claims, differences, labels to a target, coverage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.show.grid import Grid
from bench.stats.claims import Claim
from bench.stats.cluster_coverage import AllCovered, LabelsNeeded, Observed
from bench.stats.costs import MethodCost, TrainingCost
from bench.stats.efficiency import Labels, Ratio
from bench.stats.intervals import Interval
from bench.stats.paired import Difference
from bench.stats.seeds import LOWER_IS_BETTER, SeedTable

_VERDICTS = {"holds": "bold green", "does not hold": "bold red", "cannot be judged": "yellow"}
_LEVEL = 0.05
METRIC_WORDS = {
    "accuracy": "accuracy in %, transductive",
    "macro_accuracy": "macro accuracy in %, transductive",
    "accuracy_test": "accuracy in %, inductive (held-out items)",
    "fit_seconds": "seconds to fit",
}


def claims_grid(claims: Sequence[Claim], about: str) -> Grid:
    """Return a row per claim: the study's number, the one measured here, the verdict and what it rests on."""
    return Grid(
        'Claims of "You Don\'t Need Many Labels to Learn"',
        ("claim", "study", "measured here", "verdict"),
        tuple((claim.claim, claim.study, f"{claim.measured}\n{claim.why}", claim.verdict) for claim in claims),
        (about,),
        left=frozenset({0, 1, 2, 3}),
        wrap=frozenset({0, 2}),
        colors=_VERDICTS,
    )


def differences_grid(differences: Sequence[Difference], reference: str, budgets: Sequence[int]) -> Grid:
    """Return each method's difference to the reference in points, by budget."""
    by_label: dict[str, dict[int, Difference]] = {}
    for difference in differences:
        by_label.setdefault(difference.label, {})[difference.n_labeled] = difference
    order = sorted(by_label, key=lambda label: -float(np.mean([found.interval.mean for found in by_label[label].values()])))
    return Grid(
        f"Accuracy minus that of {reference}, in points",
        ("method", *(f"{n:,}" for n in budgets)),
        tuple((label, *(_difference(by_label[label].get(n)) for n in budgets)) for label in order),
        (_about_the_items([reference, *order]), _about_the_test(differences)),
        data=(
            ("method", "n_labeled", "difference", "ci_low", "ci_high", "n_pairs", "p", "p_holm"),
            *(
                (d.label, d.n_labeled, d.interval.mean, d.interval.ci_low, d.interval.ci_high, d.n_pairs, d.p, d.p_holm)
                for d in differences
            ),
        ),
    )


def _about_the_items(labels: Sequence[str]) -> str:
    # `curve_label` names a sampler that is not random so.
    samplers = {label.partition(" @")[2].partition(" ")[0] for label in labels}
    same = (
        "same labelled items in both" if len(samplers) == 1 else "same labelled items in both where the sampler (@) is the same"
    )
    return f"{same}; below: 95 % interval"


def _about_the_test(differences: Sequence[Difference]) -> str:
    pairs, tests = max(d.n_pairs for d in differences), sum(d.p is not None for d in differences)
    if 2 / 2**pairs * tests > _LEVEL:
        needed = int(np.ceil(np.log2(2 * tests / _LEVEL)))
        return f"no test: {tests} differences need {needed} label draws to be significant (Wilcoxon, Holm), here are {pairs}"
    return "*: p < 0.05, Wilcoxon's signed-rank test over label draws, corrected for all comparisons here (Holm)"


def _difference(found: Difference | None) -> str:
    if found is None:
        return "-"
    star = "*" if found.p_holm is not None and found.p_holm < _LEVEL else ""
    return f"{100 * found.interval.mean:+.1f}{star}{_bounds(found.interval, 100, '+.0f')}"


@dataclass(frozen=True)
class EfficiencyRow:
    """What one method's curve is worth in labels; `None` where it cannot be said."""

    label: str
    labels: Labels | None
    ratio: Ratio | None
    area: Interval | None
    rank: float | None


def efficiency_grid(rows: Sequence[EfficiencyRow], target: float, reference: str | None, budgets: Sequence[int]) -> Grid:
    """Return, for each method: labels to the target, the reference's over them, area under the curve, mean rank."""
    compared = f"{reference} / it" if reference else None
    shared = f"{budgets[0]:,} to {budgets[-1]:,} labels" if budgets else "no budget"
    return Grid(
        f"Labels to {100 * target:g} % accuracy",
        ("method", "labels", *([compared] if compared else []), "area in %", "mean rank"),
        tuple(
            (
                row.label,
                labels_text(row.labels),
                *([_ratio(row.ratio)] if compared else []),
                "-" if row.area is None else f"{100 * row.area.mean:.1f}{_bounds(row.area, 100, '.1f')}",
                "-" if row.rank is None else f"{row.rank:.1f}",
            )
            for row in rows
        ),
        (
            "labels: where the mean curve gets there, with a bootstrap interval over seeds (too narrow with two or three)",
            *([f"{compared}: how many times as many labels {reference} needs; > at least, < at most"] if compared else []),
            f"area: mean accuracy over the log of the budget; like the rank, over what all methods have: {shared}",
        ),
        data=(
            (
                "method",
                "labels",
                "labels_low",
                "labels_high",
                "ratio",
                "ratio_bound",
                "area",
                "area_low",
                "area_high",
                "mean_rank",
            ),
            *(_efficiency_values(row) for row in rows),
        ),
    )


def _efficiency_values(row: EfficiencyRow) -> tuple[object, ...]:
    labels = (row.labels.n, row.labels.ci_low, row.labels.ci_high) if row.labels else (None,) * 3
    ratio = (row.ratio.value, row.ratio.bound) if row.ratio else (None, None)
    area = (row.area.mean, row.area.ci_low, row.area.ci_high) if row.area else (None,) * 3
    return (row.label, *labels, *ratio, *area, row.rank)


def scores_grid(tables: Sequence[SeedTable], metric: str = "accuracy") -> Grid:
    """Return one run's scores, the best average first."""
    budgets = sorted({n for table in tables for n in table.budgets})
    lower = metric in LOWER_IS_BETTER
    order = sorted(tables, key=lambda table: _average(table, lower=lower), reverse=not lower)
    return Grid(
        METRIC_WORDS[metric],
        ("method", *(f"{n:,}" for n in budgets)),
        tuple((table.label, *(_score(table, n, metric) for n in budgets)) for table in order),
        (f"{METRIC_WORDS[metric]}; mean, and 95 % interval over seeds", *_about_failures(tables)),
    )


def runs_grid(names: Sequence[str], about: Sequence[str], tables: Sequence[Sequence[SeedTable]], metric: str) -> Grid:
    """Return the scores of several runs, methods together."""
    budgets = sorted({n for run in tables for table in run for n in table.budgets})
    every = [(table.label, name, table) for name, run in zip(names, tables, strict=True) for table in run]
    lower = metric in LOWER_IS_BETTER

    def order(row: tuple[str, str, SeedTable]) -> tuple[float, str]:
        """Methods by their best run, the runs of one method together."""
        means = [_average(table, lower=lower) for label, _, table in every if label == row[0]]
        return (min(means) if lower else -max(means)), row[0]

    found = sorted(every, key=order)
    values = [
        (label, name, n, interval.mean, interval.ci_low, interval.ci_high)
        for label, name, table in found
        for n in table.budgets
        if (interval := table.at(n)) is not None
    ]
    return Grid(
        f"{METRIC_WORDS[metric]}, mean and 95 % interval",
        ("method", "run", *(f"{n:,}" for n in budgets)),
        tuple((label, name, *(_score(table, n, metric) for n in budgets)) for label, name, table in found),
        (*(f"{name}: {what}" for name, what in zip(names, about, strict=True)), *_about_failures([table for *_, table in found])),
        left=frozenset({0, 1}),
        data=(("method", "run", "n_labeled", "mean", "ci_low", "ci_high"), *values),
    )


def _average(table: SeedTable, *, lower: bool) -> float:
    return float(np.nanmean(table.scores)) if table.scored_budgets else float("inf" if lower else "-inf")


def _about_failures(tables: Sequence[SeedTable]) -> tuple[str, ...]:
    return ("!: some cells failed",) if any(any(table.failed) for table in tables) else ()


def _score(table: SeedTable, n_labeled: int, metric: str) -> str:
    if n_labeled not in table.budgets:
        return "-"
    interval, scale = table.at(n_labeled), 1 if metric in LOWER_IS_BETTER else 100
    failed = any(n and budget == n_labeled for budget, n in zip(table.budgets, table.failed, strict=False))
    if interval is None:
        return "failed" if failed else "-"
    mark = "!" if failed else ""
    return f"{scale * interval.mean:.1f}{mark}{_bounds(interval, scale, '.1f')}"


def labels_text(labels: Labels | None) -> str:
    """Return a number of labels in words."""
    if labels is None:
        return "failed"
    if not labels.reached:
        return f"not reached by {labels.largest:,}"
    if labels.at_most:
        return f"{labels.smallest:,} or fewer"
    if labels.ci_low is None or labels.ci_high is None:
        return f"{labels.n:,.0f}"
    high = f"{labels.ci_high:,.0f}" if np.isfinite(labels.ci_high) else f"> {labels.largest:,}"
    return f"{labels.n:,.0f}\n{labels.ci_low:,.0f}-{high}"


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    if ratio.ci_low is None or ratio.ci_high is None or not np.isfinite(ratio.ci_high):
        return f"{ratio.bound} {ratio.value:.1f} x".strip()
    return f"{ratio.value:.1f} x\n{ratio.ci_low:.1f}-{ratio.ci_high:.1f}"


def _bounds(interval: Interval, scale: float, spec: str) -> str:
    if interval.ci_low is None or interval.ci_high is None:
        return ""
    low, high = (f"{scale * bound:{spec}}" for bound in (interval.ci_low, interval.ci_high))
    return f"\n{low} {high}" if "+" in spec else f"\n{low}-{high}"


def observed_grid(observed: Sequence[Observed], expected: dict[tuple[int, int], float]) -> Grid:
    """Return clusters covered in the run's label draws beside what their sizes predict."""
    return Grid(
        "Clusters that held a label in the run's draws",
        ("K", "labels", "predicted", "observed", "all covered", "correlation"),
        tuple(
            (
                str(row.n_components),
                f"{row.n_labeled:,}",
                f"{expected[row.n_components, row.n_labeled]:.1f}",
                f"{row.covered:.1f}",
                f"{row.all_covered * row.n_draws:.0f} of {row.n_draws} draws",
                "-" if row.correlation is None else f"{row.correlation:+.2f}",
            )
            for row in observed
        ),
        (
            "predicted: from the sizes of the run's clusters, drawn without replacement",
            "correlation: Spearman's, of clusters covered and soft accuracy over draws; - where too few of them differ",
        ),
        left=frozenset(),
    )


def sizes_grid(rows: Sequence[tuple[str, int, LabelsNeeded, LabelsNeeded, AllCovered]], n_pool: int) -> Grid:
    """Return labels needed for a trained model's own clusters: name, empty clusters, without and with replacement, check."""

    def span(need: LabelsNeeded) -> str:
        return f"{need.at_least:,}-{need.enough:,}" if need.at_least < need.enough else f"{need.enough:,}"

    return Grid(
        "Random labels until every cluster of the run's models has one",
        ("model", "confidence", "labels", "share", "with replacement", "simulated"),
        tuple(
            (
                name + (f" ({empty} empty)" if empty else ""),
                f"{100 * without.confidence:g} %",
                span(without),
                f"{100 * without.enough / n_pool:.2g} %",
                span(with_),
                f"{check.simulated:.3f}",
            )
            for name, empty, without, with_, check in rows
        ),
        (
            f"labels: without replacement from {n_pool:,}; from - to: fewer cannot be enough, more are (bounds from both sides)",
            "simulated: P(all covered) with the larger number; empty clusters can hold no label and are left out",
        ),
    )


def costs_grid(costs: Sequence[MethodCost], trainings: Sequence[TrainingCost], about: str) -> Grid:
    """Return what training and every method cost."""
    rows: list[tuple[str, ...]] = []
    data: list[tuple[object, ...]] = []
    for training in trainings:
        k, hours = training.n_components, training.total_seconds / 3600
        name = f"training, K = {k}" if k > 1 else "training, plain VAE"
        rows.append((name, f"{training.n_models:,}", *map(_seconds, training.model_seconds), "-", f"{hours:.2f}", "-"))
        by = _measured_by(training.n_by_clock, training.n_models)
        data.append((f"training K={k}", training.n_models, by, *training.model_seconds, None, hours, None, 0))
    for cost in costs:
        view = "-" if cost.view_seconds is None else _seconds(cost.view_seconds)
        peak = "-" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:,.0f}"
        total = cost.total_seconds / 3600
        rows.append((cost.method, f"{cost.n_cells:,}", *map(_seconds, cost.cell_seconds), view, f"{total:.2f}", peak))
        by = _measured_by(cost.n_by_clock, cost.n_cells)
        data.append((cost.method, cost.n_cells, by, *cost.cell_seconds, cost.view_seconds, total, cost.peak_bytes, cost.n_failed))
    by_clock = ", ".join(f"{cost.method} {cost.n_by_clock:,}" for cost in costs if cost.n_by_clock)
    failed = ", ".join(f"{cost.method} {cost.n_failed:,}" for cost in costs if cost.n_failed)
    return Grid(
        "What it cost",
        ("", "cells", "least", "median", "most", "sees", "hours", "MB"),
        tuple(rows),
        (
            about,
            "least, median, most: CPU seconds of a cell, to fit and to predict; hours: of all",
            *_of_trainings(trainings),
            "sees: CPU seconds of what the method sees (a graph, clusters), once for all its cells; models are rows of their own",
            "MB: most memory of a cell beyond data and what it sees",
            *([f"by the clock too, for want of CPU time: cells of {by_clock}"] if by_clock else []),
            *([f"not counted: cells that failed, of {failed}"] if failed else []),
        ),
        data=(
            ("method", "cells", "measured_by", "seconds_least", "seconds_median", "seconds_most", "view_cpu_seconds", "hours",
             "peak_bytes", "n_failed"),
            *data,
        ),
    )  # fmt: skip


def _measured_by(n_by_clock: int, n: int) -> str:
    return "cpu" if not n_by_clock else "clock" if n_by_clock == n else "cpu and clock"


def _of_trainings(trainings: Sequence[TrainingCost]) -> list[str]:
    """Say what the seconds of trainings are."""
    clock = "by the clock, waiting beside other work included"
    by_clock = [training for training in trainings if training.n_by_clock]
    if not by_clock:
        return ["of a training: CPU seconds, and hours of all"] if trainings else []
    if sum(training.n_by_clock for training in by_clock) == sum(training.n_models for training in trainings):
        return [f"of a training: seconds and hours {clock}"]
    some = ", ".join(f"{training.n_by_clock} of K = {training.n_components}" for training in by_clock)
    return [f"of a training: CPU seconds, and hours of all; {clock}: {some}"]


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2g}"
