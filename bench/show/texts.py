"""Numbers of statistics as texts of tables."""

import numpy as np

from bench.show.grid import Cell
from bench.stats.efficiency import Labels
from bench.stats.intervals import Interval


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


def labels_in_words(labels: Labels | None) -> str:
    """Return a number of labels as a sentence has it."""
    if labels is None:
        return "an unknown number of labels"
    if not labels.reached:
        return f"more than {labels.largest:,} labels"
    if labels.at_most:
        return f"{labels.smallest:,} labels, the fewest tried, or fewer"
    about = f"about {labels.n:,.0f} labels"
    if labels.ci_low is None or labels.ci_high is None:
        return about
    high = f"{labels.ci_high:,.0f}" if np.isfinite(labels.ci_high) else f"more than {labels.largest:,}"
    low = f"{labels.smallest:,} or fewer" if labels.ci_low <= labels.smallest else f"{labels.ci_low:,.0f}"
    return f"{about} ({low} to {high})"


def bounds_text(interval: Interval, scale: float, spec: str) -> str:
    """Return the bounds of an interval; empty where it has none."""
    if interval.ci_low is None or interval.ci_high is None:
        return ""
    low, high = (f"{scale * bound:{spec}}" for bound in (interval.ci_low, interval.ci_high))
    return f"{low} {high}" if "+" in spec else f"{low}-{high}"


def interval_cell(interval: Interval | None, scale: float = 1.0, spec: str = ".1f", mark: str = "") -> Cell:
    """Return a mean with its bounds below it, or a dash."""
    if interval is None:
        return Cell("-")
    return Cell(f"{scale * interval.mean:{spec}}{mark}", bounds_text(interval, scale, spec))
