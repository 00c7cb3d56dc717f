"""Wires a finished run to its page: headline, claims, tables, figures, settings."""

import json
from collections import Counter
from typing import Any

import numpy as np

from bench.gallery import Gallery
from bench.judge.methods import all_methods
from bench.plan.selection import ORACLE_MARK
from bench.show.page import Page, Section, embed
from bench.show.statistics import claims_grid, differences_grid, scores_grid
from bench.stats.claims import STUDY_COMPONENTS, TARGET, claims
from bench.stats.paired import paired_differences
from bench.stats.seeds import SeedTable, reference_tables, seed_tables
from bench.summary import CONFIDENCES, coverage_of, efficiency_of, known_labels, observed_of

_REFERENCES = ("xgboost", "logreg", "hard")


def make_page(gallery: Gallery, n_cells: int | None) -> Page:
    """Compute and draw everything on the page of a run; `n_cells` is how many it should have, if known.

    Headline, tables and figures are of the gallery's records, which may be a part of the run's; claims and failures of all.
    """
    stored, records = gallery.stored, gallery.stored.records
    whole = gallery if len(gallery.records) == len(records) else Gallery(stored, gallery.dataset, records)
    tables = seed_tables(gallery.records, "accuracy")
    notes = [stored.dataset.get("note"), *gallery.selections]
    if whole is not gallery:
        notes.append(
            f"Shown are {len(gallery.records):,} of the run's {len(records):,} records; the claims are judged on all of them"
        )
    failed = records[records["status"] != "ok"]
    counts = Counter(zip(failed["method"], failed["error"].fillna("no reason"), strict=True))
    missing = 0 if n_cells is None else n_cells - len(records)
    return Page(
        title=f"{stored.dataset['name']}: how many labels?",
        headline=headline(tables, stored.dataset),
        note=" ".join(f"{note}." for note in notes if note),
        sections=(_claims(whole), *_sections(gallery, tables)),
        figures=tuple(embed(drawing.name, drawing.caption, drawing.figure) for drawing in gallery.draw()),
        failures=[f"{method}, {n:,} cells: {error}" for (method, error), n in counts.most_common()],
        unfinished=f"{missing:,} of {n_cells:,} cells are not there yet; repeat the command to go on." if missing > 0 else "",
        n_records=len(records),
        details={
            "Settings": _flat(stored.config.get("settings", {})),
            "Data": _flat({key: value for key, value in stored.dataset.items() if key != "class_counts"}),
            "Environment": _flat(_environment(stored.folder)),
        },
    )


def headline(tables: tuple[SeedTable, ...], dataset: dict[str, Any]) -> str:
    """Say what the run found in one or two sentences."""
    methods = all_methods()
    known = known_labels(dataset)
    trained = [table for table in tables if table.method in methods and methods[table.method].needs == "model"]
    # What a model chose the items for is not without the model.
    others = [table for table in tables if table.n_components is None]
    soft = max(reference_tables(trained, "soft"), key=lambda table: table.n_components or 0, default=None)
    if soft is None or not soft.scored_budgets:
        return f"{len(tables)} methods were compared; soft decoding is not among them."
    aim = 3 * (soft.n_components or 1)
    n = min(soft.scored_budgets, key=lambda budget: abs(np.log(budget / aim)))

    def best(of: list[SeedTable]) -> SeedTable | None:
        scored = [(found.mean, table) for table in of if (found := table.at(n)) is not None]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None

    mark = ORACLE_MARK if soft.label.endswith(ORACLE_MARK) else ""
    said = (
        f"With {n:,} of {known:,} labels ({100 * n / known:.2g} %), soft decoding of {soft.n_components} clusters{mark} "
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


def _claims(gallery: Gallery) -> Section:
    of_study = [gallery.sizes(key) for key in gallery.models if key.n_components == STUDY_COMPONENTS]
    found = claims(gallery.records, gallery.stored.dataset, of_study)
    return Section("claims", "The study's claims", claims_grid(found, gallery.about))


def _sections(gallery: Gallery, tables: tuple[SeedTable, ...]) -> list[Section]:
    stored, records = gallery.stored, gallery.records
    sizes = {key: gallery.sizes(key) for key in gallery.models}
    sections = [
        Section("accuracy", "Accuracy by number of labels", scores_grid(tables)),
        *(
            [
                Section(
                    "held-out", "Accuracy on held-out items", scores_grid(seed_tables(records, "accuracy_test"), "accuracy_test")
                )
            ]
            if records["accuracy_test"].notna().any()
            else []
        ),
        Section("labels", f"Labels to {100 * TARGET:g} %", efficiency_of(tables, TARGET)),
    ]
    name = next((name for name in _REFERENCES if any(table.method == name for table in tables)), None)
    found = paired_differences(tables, reference_tables(tables, name)) if name else ()
    if name and found:
        budgets = sorted({difference.n_labeled for difference in found})
        sections.append(Section("differences", f"Differences to {name}", differences_grid(found, name, budgets)))
    if sizes:
        sections += [
            Section(
                "coverage", "Labels until every cluster has one", coverage_of(sizes, known_labels(stored.dataset), CONFIDENCES)
            ),
            Section("observed", "Clusters that held a label", observed_of(records, sizes)),
        ]
    return sections


def _environment(folder: Any) -> dict[str, Any]:
    path = folder / "environment.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def _flat(values: dict[str, Any]) -> dict[str, str]:
    """Turn nested settings into texts; lists with commas, what is unset left out."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{key} {name}": text for name, text in _flat(value).items()}
        elif isinstance(value, (list, tuple)):
            flat[key] = ", ".join(
                "; ".join(map(": ".join, _flat(item).items())) if isinstance(item, dict) else str(item) for item in value
            )
        elif value is not None:
            flat[key] = str(value)
    return flat
