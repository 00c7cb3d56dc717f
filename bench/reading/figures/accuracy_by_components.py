"""Accuracy against K, the number of components."""

from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from bench.reading.open_run import OpenRun
from bench.show.axes import Points, draw_lines, explain_below, new_figure, spread_names
from bench.show.style import looks_of
from bench.stats.chief import N_CHIEF
from bench.stats.seeds import SeedTable, of_one_kind, over_seeds_of_each, seed_tables


@dataclass(frozen=True)
class ByComponents:
    """What the figure shows."""

    tables: tuple[SeedTable, ...]
    n_labeled: int
    about: str
    over: str
    """What means and intervals are over."""


def data(run: OpenRun) -> ByComponents | None:
    """Take the methods that have a K, at the middle of the budgets that all of them have."""
    records = of_one_kind(run.records)
    tables = tuple(table for table in seed_tables(records, "accuracy") if table.n_components is not None)
    if len({table.n_components for table in tables}) < 2:
        return None
    shared = sorted(set.intersection(*(set(table.budgets) for table in tables)))
    about = run.about(run.records[run.records["n_components"].notna()])
    return ByComponents(tables, shared[len(shared) // 2], about, over_seeds_of_each(records)) if shared else None


def draw(data: ByComponents) -> Figure:
    """Draw accuracy against K, a line per method."""
    tables, n_labeled = data.tables, data.n_labeled
    figure, axes = new_figure(f"{data.about}; {n_labeled:,} labels")
    lines = sorted(_lines(tables, n_labeled), key=lambda line: -line.mean[-1])
    draw_lines(axes, lines[:N_CHIEF], lines[N_CHIEF:])
    axes.set_xscale("log")
    ks = sorted({table.n_components for table in tables if table.n_components is not None})
    axes.xaxis.set_major_locator(FixedLocator([float(value) for value in ks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([float(value) for value in ks], [str(value) for value in ks])
    axes.set_xlabel("K, the number of components")
    axes.set_ylabel("accuracy in %")
    spread_names(axes)
    explain_below(figure, f"lines: means over {data.over}; bands: 95 % intervals of them")
    return figure


def _lines(tables: tuple[SeedTable, ...], n_labeled: int) -> list[Points]:
    """Return a line for each method that has several K."""
    looks, lines = looks_of(table.method for table in tables), []
    for method in dict.fromkeys(table.method for table in tables):
        points = sorted(
            ((table.n_components, interval) for table in tables
             if table.method == method and table.n_components is not None and (interval := table.at(n_labeled)) is not None),
            key=lambda point: point[0],
        )  # fmt: skip
        if len(points) < 2:
            continue
        intervals = [interval for _, interval in points]
        low, high = (
            [100 * bound for bound in bounds if bound is not None]
            for bounds in ([i.ci_low for i in intervals], [i.ci_high for i in intervals])
        )
        banded = len(low) == len(high) == len(points)
        lines.append(
            Points(
                method,
                looks[method],
                [float(k) for k, _ in points],
                [100 * i.mean for i in intervals],
                low if banded else None,
                high if banded else None,
            )
        )
    return lines
