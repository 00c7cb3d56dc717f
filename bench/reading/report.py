"""A run on one page: headline, claims, tables, figures, failures, settings."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.errors import number_of
from bench.plan.samplers import RANDOM
from bench.plan.selection import ORACLE_MARK
from bench.reading.figures import drawings
from bench.reading.open_run import OpenRun
from bench.reading.status import expected_records
from bench.reading.tables import TABLES, Ask, scores, table_of
from bench.show.page import Page, Section, embed
from bench.stats.seeds import SeedTable, reference_tables, seed_tables
from bench.store.atomic import read_json
from bench.store.folder import ENVIRONMENT


def make_page(run: OpenRun) -> Page:
    """Compute and draw everything on the page of a run.

    Headline, tables and figures cover the part of the run that is shown; claims and failures all of it.
    """
    stored, every = run.stored, run.every
    notes = [run.described.get("note"), *run.described.get("understood", ()), *run.selections]
    if len(run.records) < len(every):
        notes.append(f"Shown are {len(run.records):,} of the run's {len(every):,} records; the claims are judged on all of them")
    failed = every[every["status"] != "ok"]
    counts = Counter(zip(failed["method"], failed["error"].fillna("no reason"), strict=True))
    n_cells = expected_records(stored)
    missing = 0 if n_cells is None else n_cells - len(every)
    return Page(
        title=f"{run.name}: how many labels?",
        headline=headline(seed_tables(run.records, "accuracy"), run.n_known),
        note=" ".join(f"{note}." for note in notes if note),
        sections=tuple(_sections(run)),
        figures=tuple(embed(drawing.name, drawing.caption, drawing.figure) for drawing in drawings(run)),
        failures=[f"{method}, {number_of(n, 'cell')}: {error}" for (method, error), n in counts.most_common()],
        unfinished=f"{missing:,} of {n_cells:,} cells are not there yet; repeat the command to go on." if missing > 0 else "",
        n_records=len(every),
        details={
            "Settings": flat(stored.config.get("settings", {})),
            "Data": flat({key: value for key, value in run.described.items() if key not in ("class_counts", "columns")}),
            "Environment": flat(read_json(stored.folder / ENVIRONMENT) if (stored.folder / ENVIRONMENT).is_file() else {}),
        },
    )


def _sections(run: OpenRun) -> Iterator[Section]:
    for name in TABLES:
        table = table_of(name)
        grid = table.make(run, Ask()) if table.TITLE else None
        if grid is not None:
            yield Section(name, table.TITLE, grid)
    if run.records["accuracy_test"].notna().any():
        yield Section("held-out", "Accuracy on held-out items", scores.make(run, Ask(metric="accuracy_test")))


def headline(tables: tuple[SeedTable, ...], n_known: int) -> str:
    """Summarise the run in one or two sentences."""
    trained = [table for table in tables if table.needs in ("model", "models")]
    # Methods whose items the model chose do not count: they are not without it.
    others = [table for table in tables if table.n_components is None or (table.needs == "clusters" and table.sampler == RANDOM)]
    soft = max(reference_tables(trained, "soft"), key=lambda table: table.n_components or 0, default=None)
    if soft is None or not soft.scored_budgets:
        return f"{len(tables)} methods were compared; soft decoding is not among them."
    aim = 3 * (soft.n_components or 1)
    n = min(soft.scored_budgets, key=lambda budget: abs(np.log(budget / aim)))

    def best(of: list[SeedTable]) -> SeedTable | None:
        scored = [(interval.mean, table) for table in of if (interval := table.at(n)) is not None]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None

    mark = ORACLE_MARK if soft.label.endswith(ORACLE_MARK) else ""
    said = (
        f"With {n:,} of {n_known:,} labels ({100 * n / n_known:.2g} %), soft decoding of {soft.n_components} clusters{mark} "
        f"gets {_accuracy(soft, n)} of the rest right"
    )
    rival, first = best(others), best(trained)
    if rival is not None:
        said += f"; the best method without the model, {rival.label}, {_accuracy(rival, n)}"
    if first is not None and first is not soft:
        said += f". Best of all that use the model is {first.label} with {_accuracy(first, n)}"
    return said + "."


def _accuracy(table: SeedTable, n_labeled: int) -> str:
    interval = table.at(n_labeled)
    return "-" if interval is None else interval.text(100, unit=" %")


def flat(values: dict[str, Any]) -> dict[str, str]:
    """Turn nested settings into texts; lists with commas, what is unset left out."""
    texts: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            texts |= {f"{key} {name}": text for name, text in flat(value).items()}
        elif isinstance(value, (list, tuple)):
            texts[key] = ", ".join(
                "; ".join(map(": ".join, flat(item).items())) if isinstance(item, dict) else str(item) for item in value
            )
        elif value is not None:
            texts[key] = str(value)
    return texts
