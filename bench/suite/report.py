"""A suite on one page: the answer, the diagram of ranks and the head of the ranking; all else folded below."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bench.errors import number_of
from bench.reading.report import flat
from bench.reading.status import expected_records
from bench.show.page import Fold, Page, Section, Sentence
from bench.show.svg import Picture, embed
from bench.stats.chief import N_CHIEF
from bench.store.atomic import read_json
from bench.store.folder import CONFIG, ENVIRONMENT, open_run
from bench.suite.figures import FIGURES, figure_of
from bench.suite.open_suite import OpenSuite
from bench.suite.ranked import Ranking
from bench.suite.tables import Ask, table_of
from bench.suite.tables.ranking import tested

_CHIEF = "critical-difference"
# Title, what is in it, tables, figures: in the order of the page.
_FOLDS = {
    "methods": ("All methods", "ranks with tests, every method against one, labels for the same", ("ranking", "pairs", "labels"),
                ("profiles",)),
    "all-sets": ("Sets", "which method is best where", ("sets", "wins"), ("heat-map", "label-efficiency")),
    "harder": ("Harder labels", "noise, imbalance, unseen classes", ("supervision",), ()),
}  # fmt: skip


def make_page(suite: OpenSuite) -> Page:
    """Compute and draw everything on the page of a suite."""
    about = suite.about()
    causes: Counter[tuple[str, str, str]] = Counter()
    for name, of_set in suite.runs.items():
        failed = of_set.records[of_set.records["status"] != "ok"]
        causes.update((name, method, error) for method, error in zip(failed["method"], failed["error"].fillna(""), strict=True))
    defined = suite.stored.suite
    pictures = {picture.name: picture for picture in _figures(suite)}
    ranked = table_of("ranking").make(suite, Ask())
    return Page(
        title=f"{defined.name}: which method gets most out of few labels?",
        about=" ".join(f"{line}." for line in ((defined.about,) if defined.about else ()) + about),
        answer=answer(suite),
        next_steps=(),
        figure=pictures.get(_CHIEF),
        top=None
        if ranked is None
        else Section("head", "The head of the ranking", replace(ranked, rows=ranked.rows[:N_CHIEF], notes=()), tools=False),
        folds=(
            *(_fold(suite, name, pictures, about) for name in _FOLDS),
            Fold(
                "settings",
                "Settings",
                "of the suite, its sets and the machine",
                details={
                    "Settings": flat({"version": defined.version, **defined.settings, **_grid(suite)}),
                    "Data": {name: _described(suite, name) for name in suite.runs},
                    "Environment": _environment(suite),
                },
            ),
        ),
        failures=[f"{name}, {method}, {number_of(n, 'cell')}: {error}" for (name, method, error), n in causes.most_common()],
        unfinished=_unfinished(suite),
        n_records=sum(len(of_set.records) for of_set in suite.runs.values()),
    )


def _fold(suite: OpenSuite, name: str, pictures: dict[str, Picture], about: tuple[str, ...]) -> Fold:
    title, said, tables, figures = _FOLDS[name]
    there = tuple(pictures[figure] for figure in figures if figure in pictures)
    return Fold(name, title, said, tuple(_sections(suite, tables, about)), there)


def _unfinished(suite: OpenSuite) -> str:
    """Say what is missing; empty where nothing is."""
    missing = {}
    for name in suite.runs:
        stored = open_run(suite.stored.runs[name], empty=True, columns=())
        expected = expected_records(stored)
        missing[name] = 0 if expected is None else expected - len(stored.records)
    n_missing = sum(missing.values())
    return f"{n_missing:,} cells that were asked for are not there ({_named(missing)})." if n_missing else ""


def _named(missing: dict[str, int]) -> str:
    return ", ".join(f"{name}: {n:,}" for name, n in missing.items() if n)


def _sections(suite: OpenSuite, names: Iterable[str], about: tuple[str, ...]) -> Iterator[Section]:
    for name in names:
        table = table_of(name)
        grid = table.make(suite, Ask())
        if grid is not None:
            # Said once, above all tables.
            yield Section(name, table.TITLE, replace(grid, notes=tuple(note for note in grid.notes if note not in about)))


def _figures(suite: OpenSuite) -> Iterator[Picture]:
    for name, caption in FIGURES.items():
        module = figure_of(name)
        data = module.data(suite)
        if data is not None:
            yield embed(name, caption, module.draw(data))


def answer(suite: OpenSuite) -> tuple[Sentence, ...]:
    """Say which method is best over the sets, what the best without the model is worth, and how surely."""
    ranking = suite.ranking
    first = ranking.standings[0]
    rival = next((one for one in ranking.standings if one.method in suite.without_model), None)
    n, sets = len(ranking.standings), number_of(len(suite.scores.sets), "data set")
    said = [
        Sentence(
            "Which method",
            first.method,
            f" has the best mean rank over {sets}, {first.rank:.1f} of {n}, and {_score(ranking, first.method)}.",
        )
    ]
    if rival is not None and rival is not first:
        own = f" has {rival.rank:.1f} and {_score(ranking, rival.method)}."
        said.append(Sentence("The best that sees the items alone", rival.method, own))
    *grounds, verdict = tested(ranking).split("; ")
    return (*said, Sentence("How sure", verdict, f"{': ' if grounds else ''}{'; '.join(grounds)}."))


def _score(ranking: Ranking, method: str) -> str:
    one = next(one for one in ranking.standings if one.method == method)
    return f"{one.normalised.text(100)} % of what the best method of each set and budget gains over naming the largest class"


def _grid(suite: OpenSuite) -> dict[str, object]:
    """Return what the first set's last command asked for: flags may have changed what the suite's file says."""
    settings = read_json(suite.stored.runs[next(iter(suite.runs))] / CONFIG).get("settings", {})
    axes = ("methods", "samplers", "model_seeds", "label_seeds", "label_noise", "imbalance", "unseen")
    return {name: settings[name] for name in axes if settings.get(name)}


def _described(suite: OpenSuite, name: str) -> str:
    described = suite.described[name]
    note = f"; {described['note']}" if described.get("note") else ""
    classes = number_of(len(described["class_names"]), "class", "classes")
    return f"{described['n_pool']:,} items, {classes}{note}; SHA-256 {str(described.get('sha256', ''))[:12]}…"


def _environment(suite: OpenSuite) -> dict[str, str]:
    """Return where the first set ran; others may have been merged in."""
    path = suite.stored.runs[next(iter(suite.runs))] / ENVIRONMENT
    return flat(read_json(path)) if path.is_file() else {}
