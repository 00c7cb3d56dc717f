"""Random labels until every cluster of the run's models has one."""

from collections.abc import Sequence

from bench.reading.open_run import OpenRun, Sizes
from bench.reading.tables import Ask
from bench.show.grid import Grid
from bench.stats.cluster_coverage import AllCovered, LabelsNeeded, all_covered, labels_needed

TITLE = "Labels until every cluster has one"


def make(run: OpenRun, ask: Ask) -> Grid | None:
    """Compute the labels that the clusters of every model shown need, or of every trained one where there are no records."""
    sizes = run.sizes_if_known(run.trained_alone if run.every.empty else run.models)
    n_pool = int(run.described["n_pool"]) if run.every.empty else run.n_known
    return sizes_grid(needs(sizes, ask.confidences), n_pool) if sizes else None


Need = tuple[str, int, LabelsNeeded, LabelsNeeded, AllCovered]
"""Model, its empty clusters, labels needed without and with replacement, and a simulation with as many."""


def needs(sizes: Sizes, confidences: Sequence[float]) -> list[Need]:
    """Compute labels needed for the clusters of every model, at every confidence."""
    rows = []
    for key, of_model in sizes.items():
        filled = of_model[of_model > 0]
        for level in confidences:
            without, with_ = (labels_needed(filled, level, replacement=replacement) for replacement in (False, True))
            check = all_covered(filled, without.enough, replacement=False)
            rows.append((key.id, int((of_model == 0).sum()), without, with_, check))
    return rows


def sizes_grid(rows: Sequence[Need], n_pool: int) -> Grid:
    """Return a row per model and confidence."""

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
