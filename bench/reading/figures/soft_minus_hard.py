"""What the other decoders gain over hard decoding, by number of labels."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from bench.reading.open_run import OpenRun
from bench.show.axes import explain_below, log_budgets, new_figure
from bench.show.style import QUIET, looks_of
from bench.stats.paired import Difference, paired_differences
from bench.stats.seeds import of_one_kind, over_seeds_of_each, seed_tables

_REFERENCE = "hard"
_DECODERS = ("soft", "hard", "hard-fallback", "soft-bayes")


@dataclass(frozen=True)
class Gains:
    """What the figure shows."""

    differences: tuple[Difference, ...]
    about: str
    over: str
    """What means and intervals are over."""


def data(run: OpenRun) -> Gains | None:
    """Compare the decoders with hard decoding."""
    records = run.chief_records[run.chief_records["method"].isin(_DECODERS)]
    tables = seed_tables(of_one_kind(records), "accuracy")
    reference = next((table for table in tables if table.method == _REFERENCE), None)
    differences = paired_differences(tables, [reference]) if reference else ()
    return Gains(differences, run.heading(of_models=True), over_seeds_of_each(records)) if differences else None


def draw(data: Gains) -> Figure:
    """Draw the differences by budget, in points, with their intervals."""
    figure, axes = new_figure(data.about)
    differences = data.differences
    looks = looks_of(label.split(" ")[0] for label in (difference.label for difference in differences))
    labels = list(dict.fromkeys(difference.label for difference in differences))
    for shift, label in enumerate(labels):
        of_label = sorted((d for d in differences if d.label == label), key=lambda d: d.n_labeled)
        look = looks[label.split(" ")[0]]
        # Side by side, so that intervals do not hide each other.
        x = [d.n_labeled * 1.03 ** (shift - (len(labels) - 1) / 2) for d in of_label]
        mean = np.array([100 * d.interval.mean for d in of_label])
        low, high = (
            np.array([100 * (d.interval.mean if bound is None else bound) for d, bound in zip(of_label, bounds, strict=True)])
            for bounds in ([d.interval.ci_low for d in of_label], [d.interval.ci_high for d in of_label])
        )
        axes.errorbar(
            x, mean, [mean - low, high - mean], fmt=look.line, color=look.color, marker=look.marker, markersize=5, capsize=3,
            linewidth=1.6, label=label,
        )  # fmt: skip
    axes.axhline(0, color=QUIET, linewidth=0.8)
    log_budgets(axes, sorted({d.n_labeled for d in differences}))
    axes.set_ylabel(f"accuracy minus {_REFERENCE}, in points")
    axes.legend(frameon=False, fontsize=8)
    explain_below(figure, f"means over {data.over}, on the same labels; bars: 95 % intervals")
    return figure
