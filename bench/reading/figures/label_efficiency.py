"""Accuracy against the number of labels: a line per method, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from bench.plan.samplers import RANDOM
from bench.reading.open_run import OpenRun
from bench.show.axes import Points, apart, draw_lines, explain_below, log_budgets, new_figure, spread_names
from bench.show.style import QUIET, looks_of
from bench.stats.chief import chief_tables
from bench.stats.curves import curves
from bench.stats.seeds import LOWER_IS_BETTER, TARGET, seed_tables

_SIZE, _STUDIED = (8.4, 5.0), "soft"
# Width of a character above the axis in shares of it.
_SMALL_CHARACTER = 0.0115
_CHOSEN_MARKERS = ("D", "s", "^", "v", "P", "X", "h")
_LEAST_ROOM, _FEW_LINES = 4.0, 3


@dataclass(frozen=True, eq=False)
class Lines:
    """What the figure shows."""

    curves: pd.DataFrame
    """As `bench.stats.curves.curves` returns them."""
    chief: tuple[str, ...]
    """Labels of the lines in colour, the best first."""
    about: str
    over: str
    """What means and intervals are over."""
    metric: str = "accuracy"
    bold: tuple[str, ...] = ()
    """Labels of those with bands: more than a few would cover each other. Empty for all."""
    target: float = TARGET
    """Where a line is drawn."""
    chance: float | None = None
    """What naming the largest class gives: another line."""


def data(run: OpenRun, metric: str = "accuracy") -> Lines:
    """Compute a line per method and sampler, for one K."""
    records = run.chief_records
    tables = seed_tables(records, metric)
    chief = tuple(table.label for table in chief_tables(tables, metric))
    found = run.answer if metric == "accuracy" else None
    if found is None:
        return Lines(curves(records, metric), chief, run.heading(), run.over_seeds, metric)
    first = [one.table.label for one in (found.best, found.rival) if one is not None]
    bold = tuple(dict.fromkeys([*first, *(label for label in chief if label == _STUDIED)]))
    return Lines(curves(records), chief, run.heading(), run.over_seeds, metric, bold, found.target, run.largest_share)


def draw(data: Lines) -> Figure:
    """Draw the metric against the number of labels (log scale) with bands, and lines at K, at the target and at chance."""
    curves, metric = data.curves, data.metric
    is_share = metric not in LOWER_IS_BETTER
    figure, axes = new_figure(data.about, _SIZE)
    lines = _points(curves, 100.0 if is_share else 1.0, data.bold)
    chief = [lines[label] for label in data.chief if label in lines]
    draw_lines(axes, chief, [line for label, line in lines.items() if label not in data.chief])
    budgets = sorted(int(n) for n in curves["n_labeled"].unique())
    log_budgets(axes, budgets, _SIZE[0])
    _show_shares(axes, curves, budgets)
    _mark_components(axes, curves)
    axes.set_ylabel(metric.replace("_", " ") + (" in %" if is_share else ""))
    if is_share:
        _scale_shares(axes, chief, data)
    axes.spines[["top"]].set_visible(True)
    axes.spines[["top"]].set_color(QUIET)
    spread_names(axes)
    explain_below(figure, explanation(data, len(lines)))
    return figure


def explanation(data: Lines, n_lines: int) -> str:
    """Return what stands below the figure."""
    banded = data.curves["ci_low"].notna().any()
    of_bold = " of the thick ones" if data.bold and n_lines > _FEW_LINES else ""
    bands = f"; bands{of_bold}: 95 % intervals of them" if banded else "; one each: no intervals"
    parts = [f"lines: means over {data.over}{bands}"]
    if n_lines > len(data.chief):
        parts.append(f"in colour: {len(data.chief)} of {n_lines} methods, the others in grey")
    chosen = data.curves["sampler"] != RANDOM
    if chosen.any():
        parts.append("@: a model chose the items to label, else they are random")
    return "\n".join(["; ".join(parts[:2]), *parts[2:]])


def _points(curves: pd.DataFrame, scale: float, bold: Sequence[str]) -> dict[str, Points]:
    """Return the lines by label."""
    few = curves["label"].nunique() <= _FEW_LINES
    looks = looks_of(curves["method"])
    markers = dict(zip(sorted(set(curves["sampler"]) - {RANDOM}), _CHOSEN_MARKERS, strict=False))
    lines = {}
    for label, rows in curves[curves["mean"].notna()].groupby("label", sort=False):
        line = rows.sort_values("n_labeled")
        mean, low, high = (scale * line[name].to_numpy(float, na_value=np.nan) for name in ("mean", "ci_low", "ci_high"))
        banded = bool(np.isfinite(low).all())
        first = line.iloc[0]
        lines[str(label)] = Points(
            str(label),
            looks[str(first["method"])],
            line["n_labeled"].to_numpy(float).tolist(),
            mean.tolist(),
            low.tolist() if banded else None,
            high.tolist() if banded else None,
            None if first["sampler"] == RANDOM else markers.get(str(first["sampler"]), "o"),
            bold=few or not bold or label in bold,
        )
    return lines


def _scale_shares(axes: Axes, chief: Sequence[Points], data: Lines) -> None:
    """Scale to what the chief lines reach: from 0 to 100 where they need it, narrower where they would stick together."""
    every = [value for line in chief for value in (*line.mean, *((line.low or ()) if line.bold else ()))]
    floor = max(0.0, 10.0 * np.floor((min(every, default=0.0) - _LEAST_ROOM) / 10.0))
    axes.set_ylim(floor, 100)
    levels = [(data.target, f"{100 * data.target:.0f} %")]
    if data.chance is not None:
        levels.append((data.chance, "always the largest class"))
    for level, name in levels:
        if floor < 100 * level < 100:
            axes.axhline(100 * level, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
            axes.annotate(name, (0, 100 * level), xycoords=("axes fraction", "data"), xytext=(3, 2), textcoords="offset points",
                          fontsize=7.5, color=QUIET)  # fmt: skip


def _show_shares(axes: Axes, curves: pd.DataFrame, budgets: Sequence[int]) -> None:
    """Give the budgets as shares of all labels, above."""
    shares = curves.groupby("n_labeled")["labeled_fraction"].first()
    positions = [float(n) for n in budgets]
    upper = axes.secondary_xaxis("top")
    upper.xaxis.set_minor_locator(NullLocator())
    upper.set_xticks(positions, apart(positions, [f"{100 * shares[n]:.2g} %" for n in budgets], _SMALL_CHARACTER))
    upper.tick_params(labelsize=8, color=QUIET)
    axes.set_xlabel("labels shown (above: share of all labels)")


def _mark_components(axes: Axes, curves: pd.DataFrame) -> None:
    """Draw a line where there are as many labels as components."""
    for k in sorted(curves["n_components"].dropna().unique()):
        axes.axvline(float(k), color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
        axes.annotate(
            f"K = {k} clusters",
            (float(k), 0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 4),
            textcoords="offset points",
            fontsize=8,
            color=QUIET,
        )
