"""Who survives worse labels: every method with clean labels and with each kind of trouble."""

from bench.show.grid import Cell, Grid
from bench.suite.open_suite import OpenSuite
from bench.suite.tables import Ask

TITLE = "With worse labels"


def make(suite: OpenSuite, ask: Ask) -> Grid | None:  # noqa: ARG001 - every table's signature
    """Arrange mean areas over sets by supervision, and what is lost to the first; `None` where there is only one."""
    scores = suite.scores_by_supervision
    if len(scores) < 2:
        return None
    first, *_ = scores
    methods = [one.method for one in suite.ranking.standings if all(one.method in of.methods for of in scores.values())]
    means = {
        text: {method: float(area) for method, area in zip(of.methods, of.areas().mean(axis=0), strict=True)}
        for text, of in scores.items()
    }
    best = {text: max((of[method] for method in methods), default=0.0) for text, of in means.items()}
    rows: list[tuple[Cell | str, ...]] = []
    values: list[tuple[object, ...]] = []
    for method in methods:
        cells: list[Cell] = []
        for text, of in means.items():
            lost = of[method] - means[first][method]
            cells.append(
                Cell(
                    f"{100 * of[method]:.1f}", below="" if text == first else f"{100 * lost:+.1f}", best=of[method] == best[text]
                )
            )
            values.append((method, text, of[method], lost))
        rows.append((method, *cells))
    named = first or "clean labels"
    lacking = [text or "clean" for text in suite.supervisions if text not in scores]
    missing = [f"left out, as no method was judged everywhere: {', '.join(lacking)}"] if lacking else []
    return Grid(
        f"{suite.measure.capitalize()} in %, mean over sets and over the log of the number of labels",
        ("method", *(text or "clean" for text in scores)),
        tuple(rows),
        (*suite.about(), f"below: points gained or lost to {named}; methods in the order of the ranking with {named}", *missing),
        data=(("method", "supervision", "area", "difference"), *values),
        dense=True,
    )
