"""Accuracy against K, the number of components."""

from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from bench.reading.open_run import OpenRun
from bench.show.axes import new_figure
from bench.show.style import looks_of
from bench.stats.seeds import SeedTable, of_one_kind, seed_tables


@dataclass(frozen=True)
class ByComponents:
    """What the figure shows."""

    tables: tuple[SeedTable, ...]
    n_labeled: int
    about: str


def data(run: OpenRun) -> ByComponents | None:
    """Take the methods that have a K, at the middle of the budgets that all of them have."""
    every = seed_tables(of_one_kind(run.records), "accuracy")
    tables = tuple(table for table in every if table.n_components is not None)
    if len({table.n_components for table in tables}) < 2:
        return None
    shared = sorted(set.intersection(*(set(table.budgets) for table in tables)))
    return ByComponents(tables, shared[len(shared) // 2], run.about_models) if shared else None


def draw(data: ByComponents) -> Figure:
    """Draw accuracy against K, a line per method."""
    tables, n_labeled = data.tables, data.n_labeled
    figure, axes = new_figure(f"{data.about}; {n_labeled:,} labels")
    looks = looks_of(table.method for table in tables)
    for method in dict.fromkeys(table.method for table in tables):
        points = sorted(
            (table.n_components, interval)
            for table in tables
            if table.method == method and table.n_components is not None and (interval := table.at(n_labeled)) is not None
        )
        if len(points) < 2:
            continue
        look, k = looks[method], [point[0] for point in points]
        axes.plot(k, [100 * i.mean for _, i in points], look.line, color=look.color, marker=look.marker, label=method)
        if all(interval.ci_low is not None for _, interval in points):
            low, high = (
                [100 * float(bound or 0) for bound in bounds]
                for bounds in zip(*((i.ci_low, i.ci_high) for _, i in points), strict=True)
            )
            axes.fill_between(k, low, high, color=look.color, alpha=0.1, linewidth=0)
    axes.set_xscale("log")
    ks = sorted({table.n_components for table in tables if table.n_components is not None})
    axes.xaxis.set_major_locator(FixedLocator([float(value) for value in ks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([float(value) for value in ks], [str(value) for value in ks])
    axes.set_xlabel("K, the number of components")
    axes.set_ylabel("accuracy in %")
    axes.legend(frameon=False)
    return figure
