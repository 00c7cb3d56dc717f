"""A run on one page: the answer, one figure and a short table; all else folded below."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from bench.errors import number_of
from bench.reading.answer import next_steps, sentences
from bench.reading.figures import FIGURES, drawings
from bench.reading.open_run import OpenRun
from bench.reading.status import expected_records
from bench.reading.tables import TABLES, Ask, scores, table_of
from bench.show.page import Fold, Page, Section, Sentence
from bench.show.svg import Picture, embed
from bench.stats.claims import is_about_the_paper
from bench.store.atomic import read_json
from bench.store.folder import ENVIRONMENT

_CHIEF, _TOP = "label-efficiency", "summary"
_NOTHING = "no method has a score, but for those that read labels that no user has: upper bounds, not results"
# Six pages of paper have room for the scores of all methods, not for what follows from them.
_UNPRINTED = ("labels", "differences", "samplers", "covered", "clusters")
# Title, what is in it, tables, figures: in the order of the page.
_FOLDS = {
    "methods": ("All methods", "every method and budget, labels to a target, differences",
                ("scores", "labels", "differences", "samplers"), ("soft-minus-hard", "accuracy-by-components")),
    "classes": ("Classes", "which soft decoding confuses, which gain over hard decoding",
                (), ("confusion", "class-gain", "explanation")),
    "clusters": ("Clusters", "what each one holds", ("clusters",), ("clusters", "latent-map")),
    "coverage": ("Coverage", "random labels until every cluster has one", ("coverage", "covered"), ("coverage",)),
    "cost": ("Cost and training", "processor time, memory, the course of the training", ("costs",), ("training",)),
    "claims": ("The paper's claims", "beside what was measured here", ("claims",), ()),
}  # fmt: skip


def make_page(run: OpenRun) -> Page:
    """Compute and draw everything on the page of a run.

    Answer, tables and figures cover the part of the run that is shown; claims and failures all of it.
    """
    every = run.every
    failed = every[every["status"] != "ok"]
    counts = Counter(zip(failed["method"], failed["error"].fillna("no reason"), strict=True))
    found = run.answer
    pictures = {drawing.name: embed(drawing.name, drawing.caption, drawing.figure) for drawing in drawings(run)}
    summary = table_of(_TOP).make(run, Ask())
    return Page(
        title=f"{run.name}: how many labels?",
        about=" ".join(f"{note}." for note in _about(run)),
        answer=(Sentence("Which method", _NOTHING),) if found is None else sentences(run, found),
        next_steps=() if found is None else next_steps(run, found),
        figure=pictures.get(_CHIEF),
        top=None if summary is None else Section("summary", "At a glance", summary, tools=False),
        folds=(*_folds(run, pictures, Ask() if found is None else Ask(target=found.target)), _settings(run)),
        failures=[f"{method}, {number_of(n, 'cell')}: {error}" for (method, error), n in counts.most_common()],
        unfinished=_unfinished(run),
        n_records=len(every),
    )


def _about(run: OpenRun) -> Iterator[str]:
    shown, every = len(run.records), len(run.every)
    yield scores.heading(run)
    yield from (str(note) for note in (run.described.get("note"), *run.selections) if note)
    if shown < every:
        judged = "; the claims are judged on all of them" if is_about_the_paper(run.described) else ""
        yield f"Shown are {shown:,} of the run's {every:,} records{judged}"


def _unfinished(run: OpenRun) -> str:
    """Say what is missing; empty where nothing is."""
    n_cells = expected_records(run.stored)
    missing = 0 if n_cells is None else n_cells - len(run.every)
    if missing <= 0:
        return ""
    how = "this export cannot be continued" if run.stored.exported else "repeat the command to go on"
    return f"{missing:,} of {n_cells:,} cells that were asked for are not there; {how}."


def _parts() -> Iterator[tuple[str, str, str, tuple[str, ...], tuple[str, ...]]]:
    """Yield the folds; a table or figure that none of them names stands in the first."""
    tables, figures = ({name for fold in _FOLDS.values() for name in fold[place]} for place in (2, 3))
    rest = (
        tuple(name for name in TABLES if name not in {*tables, _TOP}),
        tuple(name for name in FIGURES if name not in {*figures, _CHIEF}),
    )
    for place, (name, (title, about, *named)) in enumerate(_FOLDS.items()):
        own = [(*some, *others) if place == 0 else tuple(some) for some, others in zip(named, rest, strict=True)]
        yield name, title, about, own[0], own[1]


def _folds(run: OpenRun, pictures: dict[str, Picture], ask: Ask) -> Iterator[Fold]:
    for name, title, about, tables, figures in _parts():
        # Claims about letters say nothing about other data.
        if name != "claims" or is_about_the_paper(run.described):
            there = tuple(pictures[figure] for figure in figures if figure in pictures)
            yield Fold(name, title, about, tuple(_sections(run, tables, ask)), there)


def _sections(run: OpenRun, names: Iterable[str], ask: Ask) -> Iterator[Section]:
    for name in names:
        table = table_of(name)
        grid = table.make(run, ask)
        if grid is not None:
            # What these are about depends on what is asked.
            title = grid.title if name in ("labels", "differences") else table.TITLE
            yield Section(name, title, grid, tools=name != "claims", printed=name not in _UNPRINTED)
        if name == "scores" and run.records["accuracy_test"].notna().any():
            yield Section("held-out", "Accuracy on held-out items", scores.make(run, Ask(metric="accuracy_test")))


def _settings(run: OpenRun) -> Fold:
    path = run.stored.folder / ENVIRONMENT
    return Fold(
        "settings",
        "Settings",
        "of the run, the data and the machine",
        details={
            "Settings": flat(run.stored.config.get("settings", {})),
            "Data": flat({key: value for key, value in run.described.items() if key not in ("class_counts", "columns")}),
            "Environment": flat(read_json(path) if path.is_file() else {}),
        },
    )


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
