"""What `recommend` says."""

import shlex

import numpy as np
from rich.console import Console

from bench.errors import number_of
from bench.judge.chosen import CANDIDATES
from bench.labelling.given import GivenLabels
from bench.labelling.label import LEAST_DRAWN
from bench.labelling.recommend import Outlook, Recommendation
from bench.labelling.sheet import percent
from bench.labelling.workplace import Workplace
from bench.show.grid import Cell, Grid, render_grid
from bench.stats.learning_curve import REACH, Needed

_TIMES = (1, 2, 4, 8)


def tell_beginning(workplace: Workplace, options: str, console: Console) -> None:
    """Say how to begin where there is no label yet; `options` are those that the next command needs too."""
    n_clusters = int((workplace.sizes > 0).sum())
    console.print(
        f"{workplace.dataset.name}: no labels yet, so nothing tells methods apart. Begin with labels of chosen items, and a few "
        f"of random ones to know how good that is; {n_clusters} clusters hold items:\n"
        f"next: gmvae-bench select {shlex.quote(str(workplace.folder))}{options} --n {min(100, n_clusters)} --audit 50",
        soft_wrap=True,
    )


def tell_recommendation(
    found: Recommendation,
    workplace: Workplace,
    given: GivenLabels,
    options: str,
    target: float | None,
    worth: float,
    console: Console,
) -> None:
    """Say which method to use, what to expect of it, and whether more labels are worth it.

    `options` are those of this command that the next one needs too.
    """
    about = f"{workplace.dataset.name}: {found.n_labeled:,} labels, {len(given.class_names)} classes ({workplace.key.id})"
    console.print(render_grid(methods_grid(found, about), console.width))
    counts, n_pool = np.bincount(workplace.known_with(given).clip(-1) + 1)[1:], len(workplace.dataset.pool)
    single = " --allow-singletons" if (counts == 1).any() else ""
    use = f"gmvae-bench label {shlex.quote(str(workplace.folder))}{options} --method {found.method}{single}"
    more = f"gmvae-bench select {shlex.quote(str(workplace.folder))}{options}"
    console.print(f"\nuse {found.method}", style="bold")
    if found.outlook is None:
        n_drawn = int(given.drawn.sum())
        chosen = "" if n_drawn == found.n_labeled else "; chosen ones, told or not above, say little about the rest"
        console.print(
            f"accuracy: not known, with {number_of(n_drawn, 'labelled item')} drawn at random, fewer than {LEAST_DRAWN}"
            f"{chosen}.\n"
            f"Ask for 50 more: {more} --n 0 --audit 50",
            style="yellow",
            soft_wrap=True,
        )
    else:
        console.print(
            f"accuracy to expect on the rest: {percent(found.outlook.accuracy)} "
            f"({number_of(found.outlook.n_drawn, 'random item')}, hidden in turn{given.assumed})\n",
            soft_wrap=True,
        )
        console.print(render_grid(curve_grid(found.outlook, n_pool), console.width))
        console.print("\n" + advice(found.outlook, n_pool, target, worth), soft_wrap=True)
    stop = found.outlook is not None and found.outlook.stop
    n_more = min(found.n_labeled, n_pool - found.n_labeled)
    buy = "" if stop or not n_more else f"\n  or: {more} --n {n_more}"
    console.print(f"next: {use}{buy}", style="dim", soft_wrap=True)


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


def advice(outlook: Outlook, n_pool: int, target: float | None, worth: float) -> str:
    """Return whether to buy more labels, and how many."""
    n = outlook.curve.n_labeled
    lines = []
    if target is not None and outlook.needed is not None:
        lines.append(f"{100 * target:g} %: {_needed(outlook.needed, n, n_pool)}")
    if outlook.n_gain <= n:
        return "\n".join([*lines, "stop: all items have a label"])
    buy = "twice the labels" if outlook.n_gain == 2 * n else f"all {n_pool:,} labels"
    gain = f"{buy} gain {percent(outlook.gain).replace(' %', ' points')}"
    sure = f"{100 * (1 - outlook.worth_it):.0f} %"
    lines.append(
        "stop: the target is reached" + ("" if _surely(outlook.needed, n) else ", more likely than not")
        if outlook.reached
        else f"stop: {gain}; less than the {100 * worth:g} that make them worth it, with a probability of {sure}"
        if outlook.stop
        else f"go on: {gain}; at least the {100 * worth:g} that make them worth it, with a probability of "
        f"{100 * outlook.worth_it:.0f} %"
    )
    return "\n".join(lines)


def _surely(needed: Needed | None, n_labeled: int) -> bool:
    return needed is not None and needed.high is not None and needed.high <= n_labeled


def _needed(needed: Needed, n_labeled: int, n_pool: int) -> str:
    """Return how many labels reach the target, as far as the curve and the pool go."""
    reach = min(REACH * n_labeled, n_pool)
    far = f"more than {reach:,}"
    low, high = (far if bound is None or bound > reach else f"{bound:,}" for bound in (needed.low, needed.high))
    if needed.likely is None or needed.likely > reach:
        there = ", which are all" if reach == n_pool else ""
        return f"{far} labels{there}, or never" + ("" if low == far else f"; {low} at the least")
    if needed.likely <= n_labeled:
        return "reached already" + ("" if _surely(needed, n_labeled) else ", as it seems")
    return f"about {needed.likely:,} labels in all ({low} to {high})"
