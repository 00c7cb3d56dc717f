"""Each cluster of a model: how many items it holds, and how many of them are of its commonest class."""

from bench.errors import number_of
from bench.judge.inspection import ClusterSummary, summarise_clusters
from bench.reading.open_run import OpenRun
from bench.reading.tables import Ask
from bench.show.grid import Grid

TITLE = "Clusters of one model"


def make(run: OpenRun, ask: Ask) -> Grid | None:  # noqa: ARG001 - nothing in it applies
    """Take the first model; `None` without a trained one or without its data."""
    look = run.inspection
    if look is None:
        return None
    key = run.trained[0]
    summaries = summarise_clusters(look.posterior.assignment, look.dataset, key.n_components)
    return clusters_grid(key.id, summaries, look.dataset.class_names)


def clusters_grid(model: str, summaries: tuple[ClusterSummary, ...], names: tuple[str, ...]) -> Grid:
    """Return a row per cluster, the largest first."""
    filled = [one for one in summaries if one.size]
    rows = tuple(
        (
            str(one.component),
            f"{one.size:,}",
            "-" if one.class_code is None else names[one.class_code],
            f"{100 * one.purity:.0f} %",
        )
        for one in filled
    )
    empty = len(summaries) - len(filled)
    return Grid(
        f"Clusters of {model}, the largest first",
        ("component", "items", "commonest class", "purity"),
        rows,
        (
            "purity: share of the items of known class that are of the commonest one; no label was used to form the clusters",
            *((f"{number_of(empty, 'component')} without an item left out",) if empty else ()),
        ),
        left=frozenset({0, 2}),
        data=(
            ("component", "items", "commonest_class", "purity"),
            *((one.component, one.size, None if one.class_code is None else names[one.class_code], one.purity) for one in filled),
        ),
    )
