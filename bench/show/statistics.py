"""Statistics of a run as tables: claims, differences, labels to a target, coverage."""

from collections.abc import Sequence

import numpy as np

from bench.show.grid import Grid
from bench.stats.claims import Claim
from bench.stats.cluster_coverage import AllCovered, LabelsNeeded, Observed
from bench.stats.curves import LOWER_IS_BETTER
from bench.stats.efficiency import Labels
from bench.stats.intervals import Interval, table_interval
from bench.stats.paired import Difference
from bench.stats.seeds import SeedTable

_VERDICTS = {"holds": "bold green", "does not hold": "bold red", "cannot be judged": "yellow"}


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
        ("labels", *(f"{n:,}" for n in budgets)),
        tuple((label, *(_difference(by_label[label].get(n)) for n in budgets)) for label in order),
        (
            "same labelled items in both; below: 95 % interval",
            "*: p < 0.05, Wilcoxon's signed-rank test over label seeds, corrected for all comparisons here (Holm)",
        ),
    )


def _difference(found: Difference | None) -> str:
    if found is None:
        return "-"
    star = "*" if found.p_holm is not None and found.p_holm < 0.05 else ""
    return f"{100 * found.interval.mean:+.1f}{star}{_bounds(found.interval, 100, '+.0f')}"


def efficiency_grid(
    rows: Sequence[tuple[str, Labels, Interval | None, Interval, float]],
    target: float,
    reference: str,
    reference_labels: Labels | None = None,
) -> Grid:
    """Return, for each method: labels to the target, the reference's over them, area under the curve, mean rank."""
    return Grid(
        f"Labels to {target:.0%} accuracy",
        ("method", "labels", f"{reference} / it", "area in %", "mean rank"),
        tuple(
            (
                label,
                labels_text(labels),
                _ratio(ratio, labels, reference_labels),
                f"{100 * area.mean:.1f}{_bounds(area, 100, '.1f')}",
                f"{rank:.1f}",
            )
            for label, labels, ratio, area, rank in rows
        ),
        (
            "labels: where the mean curve gets there, with a bootstrap interval over seeds (too narrow with two or three)",
            f"{reference} / it: how many times as many labels {reference} needs; area: mean accuracy over the log of the budget",
        ),
    )


def scores_grid(tables: Sequence[SeedTable], metric: str = "accuracy") -> Grid:
    """Return one run's scores, the best average first."""
    budgets = sorted({n for table in tables for n in table.budgets})
    lower = metric in LOWER_IS_BETTER

    def average(table: SeedTable) -> float:
        return float(np.nanmean(table.scores)) if np.isfinite(table.scores).any() else float("inf" if lower else "-inf")

    order = sorted(tables, key=average, reverse=not lower)
    return Grid(
        f"{metric.replace('_', ' ')}{'' if lower else ' in %'}",
        ("labels", *(f"{n:,}" for n in budgets)),
        tuple((table.label, *(_score(table, n, metric) for n in budgets)) for table in order),
        (f"{metric.replace('_', ' ')}{'' if lower else ' in %'}: mean, and 95 % interval over seeds",),
    )


def runs_grid(names: Sequence[str], about: Sequence[str], tables: Sequence[Sequence[SeedTable]], metric: str) -> Grid:
    """Return the scores of several runs, methods together."""
    budgets = sorted({n for run in tables for table in run for n in table.budgets})
    lower = metric in LOWER_IS_BETTER
    rows = [
        (table.label, name, *(_score(table, n, metric) for n in budgets))
        for name, run in zip(names, tables, strict=True)
        for table in run
    ]
    rows.sort(key=lambda row: row[0])
    return Grid(
        f"{metric.replace('_', ' ')}{'' if lower else ' in %'}, mean and 95 % interval",
        ("method", "run", *(f"{n:,}" for n in budgets)),
        tuple(rows),
        tuple(f"{name}: {what}" for name, what in zip(names, about, strict=True)),
        left=frozenset({0, 1}),
    )


def _score(table: SeedTable, n_labeled: int, metric: str) -> str:
    if n_labeled not in table.budgets:
        return "-"
    scores = table.scores[table.budgets.index(n_labeled)]
    if not np.isfinite(scores).any():
        return "failed"
    interval, scale = table_interval(scores), 1 if metric in LOWER_IS_BETTER else 100
    return f"{scale * interval.mean:.1f}{_bounds(interval, scale, '.1f')}"


def labels_text(labels: Labels) -> str:
    """Return a number of labels in words."""
    if not labels.reached:
        return f"not reached by {labels.largest:,}"
    if labels.n <= labels.smallest:
        return f"{labels.smallest:,} or fewer"
    if labels.ci_low is None or labels.ci_high is None:
        return f"{labels.n:,.0f}"
    high = f"{labels.ci_high:,.0f}" if np.isfinite(labels.ci_high) else f"> {labels.largest:,}"
    return f"{labels.n:,.0f}\n{labels.ci_low:,.0f}-{high}"


def _ratio(ratio: Interval | None, labels: Labels, reference: Labels | None) -> str:
    if ratio is None:
        never = reference is not None and not reference.reached
        return f"> {reference.largest / labels.n:.1f} x" if never and reference is not None and labels.reached else "-"
    bounds = "" if ratio.ci_low is None or ratio.ci_high is None else f"\n{ratio.ci_low:.1f}-{ratio.ci_high:.1f}"
    return f"{ratio.mean:.1f} x" + (bounds if ratio.ci_high is not None and np.isfinite(ratio.ci_high) else "")


def _bounds(interval: Interval, scale: float, spec: str) -> str:
    if interval.ci_low is None or interval.ci_high is None:
        return ""
    return f"\n{scale * interval.ci_low:{spec}} {scale * interval.ci_high:{spec}}".replace(" ", " " if "+" in spec else "-")


def observed_grid(observed: Sequence[Observed], expected: dict[tuple[int, int], float]) -> Grid:
    """Return clusters covered in the run's label draws beside what their sizes predict."""
    return Grid(
        "Clusters that held a label in the run's draws",
        ("K", "labels", "predicted", "observed", "all covered", "accuracy rises with it"),
        tuple(
            (
                str(row.n_components),
                f"{row.n_labeled:,}",
                f"{expected[row.n_components, row.n_labeled]:.1f}",
                f"{row.covered:.1f}",
                f"{row.all_covered:.0%} of {row.n_draws}",
                "-" if row.correlation is None else f"{row.correlation:+.2f}",
            )
            for row in observed
        ),
        (
            "predicted: from the sizes of the run's clusters, drawn without replacement",
            "accuracy rises with it: Spearman's correlation of clusters covered and soft accuracy over draws and models",
        ),
        left=frozenset(),
    )


def sizes_grid(rows: Sequence[tuple[str, int, LabelsNeeded, LabelsNeeded, AllCovered]], n_pool: int) -> Grid:
    """Return labels needed for a trained model's own clusters: name, empty clusters, without and with replacement, check."""

    def span(need: LabelsNeeded) -> str:
        share = f"{100 * need.at_least / n_pool:.2f}-{100 * need.enough / n_pool:.2f} %"
        return f"{need.at_least:,}-{need.enough:,}\n{share}"

    return Grid(
        "Random labels until every cluster of the run's models has one",
        ("model", "confidence", "without repl.", "with repl.", "P at the upper end", "empty"),
        tuple(
            (
                name,
                f"{100 * without.confidence:g} %",
                span(without),
                span(with_),
                f"{check.simulated:.3f} ± {check.standard_error:.3f}",
                str(empty),
            )
            for name, empty, without, with_, check in rows
        ),
        (
            "from - to: fewer cannot be enough, more are (bounds from both sides); P: simulated, without replacement",
            "empty clusters can hold no label and are left out",
        ),
    )
