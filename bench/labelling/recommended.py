"""What `recommend` says."""

from pathlib import Path

from rich.console import Console

from bench.errors import number_of
from bench.judge.chosen import CANDIDATES
from bench.labelling.given import GivenLabels
from bench.labelling.recommend import LEAST_DRAWN, Outlook, Recommendation
from bench.labelling.sheet import percent
from bench.labelling.workplace import Workplace
from bench.show.grid import Cell, Grid, render_grid
from bench.stats.learning_curve import REACH, Needed

_TIMES = (1, 2, 4, 8)


def tell_beginning(workplace: Workplace, console: Console) -> None:
    """Say how to begin where there is no label yet."""
    n_clusters = int((workplace.sizes > 0).sum())
    console.print(
        f"{workplace.dataset.name}: no labels yet, so nothing tells methods apart. Begin with labels of chosen items, and a few "
        f"of random ones to know how good that is; {n_clusters} clusters hold items:\n"
        f"next: gmvae-bench select {workplace.folder} --n {min(100, n_clusters)} --audit 50",
        soft_wrap=True,
    )


def tell_recommendation(
    found: Recommendation,
    workplace: Workplace,
    given: GivenLabels,
    labels: Path | None,
    target: float | None,
    worth: float,
    console: Console,
) -> None:
    """Say which method to use, what to expect of it, and whether more labels are worth it."""
    about = f"{workplace.dataset.name}: {found.n_labeled:,} labels, {len(given.class_names)} classes ({workplace.key.id})"
    console.print(render_grid(methods_grid(found, about), console.width))
    given_as = f" --labels {labels}" if labels is not None else ""
    use = f"gmvae-bench label {workplace.folder}{given_as} --method {found.method}"
    more = f"gmvae-bench select {workplace.folder}{given_as}"
    console.print(f"\nuse {found.method}", style="bold")
    if found.outlook is None:
        console.print(
            f"accuracy: not known, with fewer than {LEAST_DRAWN} labelled items drawn at random; chosen ones say little about "
            f"the rest, and the shares above are of chosen ones.\nAsk for 50 more: {more} --n 0 --audit 50",
            style="yellow",
            soft_wrap=True,
        )
    else:
        assumed = "" if given.says_drawn else ", if those items were drawn at random, which the table does not say"
        console.print(
            f"accuracy to expect on the rest: {percent(found.outlook.accuracy)} "
            f"({number_of(found.outlook.n_drawn, 'random item')}, hidden in turn{assumed})\n",
            soft_wrap=True,
        )
        console.print(render_grid(curve_grid(found.outlook, len(workplace.dataset.pool)), console.width))
        console.print("\n" + advice(found.outlook, target, worth), soft_wrap=True)
    stop = found.outlook is not None and found.outlook.stop
    console.print(f"next: {use}" + ("" if stop else f"\n  or: {more} --n {found.n_labeled}"), style="dim", soft_wrap=True)


def methods_grid(found: Recommendation, about: str) -> Grid:
    """Return a row per method: what it told of the labels hidden from it."""
    rows = tuple(
        (
            Cell(choice.name, best=choice is found.choices[0]),
            "the model" if choice.name in CANDIDATES else "the items alone",
            f"{100 * choice.accuracy.mean:.1f}",
            percent(choice.accuracy).partition("(")[2].rstrip(")"),
        )
        for choice in found.choices
    )
    notes = ("told: % of the labels, hidden a fifth at a time; the best of several looks a little better than it is.",)
    return Grid(about, ("method", "reads", "told", "95 % interval"), rows, notes, left=frozenset({0, 1}))


def curve_grid(outlook: Outlook, n_pool: int) -> Grid:
    """Return the accuracy to expect of more labels."""
    n = outlook.curve.n_labeled
    sizes = [times * n for times in _TIMES if times * n < n_pool]
    rows = tuple(
        (f"{size:,}", f"{100 * expected.mean:.1f}", percent(expected).partition("(")[2].rstrip(")"))
        for size, expected in ((size, outlook.curve.accuracy(size)) for size in sizes)
    )
    return Grid("more labels, drawn at random", ("labels", "accuracy", "95 % interval"), rows)


def advice(outlook: Outlook, target: float | None, worth: float) -> str:
    """Return whether to buy more labels, and how many."""
    lines = []
    if target is not None and outlook.needed is not None:
        lines.append(f"{100 * target:g} %: {_needed(outlook.needed, outlook.curve.n_labeled)}")
    gain = f"twice the labels gain {percent(outlook.gain).replace(' %', ' points')}"
    lines.append(
        f"stop: {gain}, less than the {100 * worth:g} that make them worth it"
        if outlook.gain.mean < worth
        else ("stop: the target is reached" if outlook.stop else f"go on: {gain}")
    )
    return "\n".join(lines)


def _needed(needed: Needed, n_labeled: int) -> str:
    """Return how many labels reach the target, as far as the curve goes."""
    far = f"more than {REACH * n_labeled:,}"
    low, high = (far if bound is None else f"{bound:,}" for bound in (needed.low, needed.high))
    if needed.likely is None:
        return f"{far} labels, or never" + ("" if needed.low is None else f"; {low} at the least")
    if needed.likely <= n_labeled:
        return "reached already" + ("" if needed.high is not None and needed.high <= n_labeled else ", as it seems")
    return f"about {needed.likely:,} labels in all ({low} to {high})"
