"""What a run answers: which method, how many labels, how surely."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.plan.samplers import RANDOM
from bench.plan.selection import ORACLE_MARK
from bench.stats.chief import ranked
from bench.stats.efficiency import Labels, labels_to_target
from bench.stats.intervals import Interval
from bench.stats.paired import paired_differences
from bench.stats.seeds import NO_MODEL_SEED, SeedTable, shared_budgets

# The accuracy to count labels to: the first that the best method reaches, in an order in which people ask.
_TARGETS = (0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class Candidate:
    """A method with what it is worth."""

    table: SeedTable
    score: Interval | None
    """At the number of labels spoken of."""
    labels: Labels | None
    """To the target."""


@dataclass(frozen=True)
class Answer:
    """Which method to use, what it reaches with how many labels, and how surely."""

    best: Candidate
    rival: Candidate | None
    """The best of the other kind: without a trained model, or with one where the best has none."""
    runner_up: SeedTable | None
    """The best of all others with as many labels."""
    lead: Interval | None
    """Of the best over the runner-up on the same labels, at the number of labels spoken of."""
    n_labeled: int
    target: float
    asked: float
    """The first target that people ask for; another one than `target` where the best method does not get there."""
    single: tuple[float, float]
    """The least and the most that a single model with a single draw of labels got."""
    n_models: int
    """Models behind the best method's score; 0 for a method without one."""
    n_draws: int
    """Draws of labels behind it."""
    decided_by: tuple[int, ...]
    """Numbers of labels over which the best method is the best; empty where no two methods share any."""
    n_compared: int
    """Methods that it was compared with."""


def answer(tables: Sequence[SeedTable]) -> Answer | None:
    """Answer from the scores of some methods; `None` where none has any.

    The best method is the one with the highest mean over the budgets that all have. Oracles take no part, nor do methods with
    fewer than half of the budgets: they would leave too few to decide by. It is spoken of at the budget nearest to the labels
    that it needs for the target, or at its largest.
    """
    usable = [table for table in tables if table.scored_budgets and ORACLE_MARK not in table.marks]
    if not usable:
        return None
    most = max(len(table.scored_budgets) for table in usable)
    usable = [table for table in usable if 2 * len(table.scored_budgets) >= most]
    order = ranked(usable, "accuracy")
    best = order[0]
    means = {n: interval.mean for n in best.scored_budgets if (interval := best.at(n)) is not None}
    target = next((target for target in _TARGETS if max(means.values()) >= target), _TARGETS[-1])
    labels = labels_to_target(best, target)
    n_labeled = max(means)
    if labels is not None and labels.reached:
        n_labeled = min(means, key=lambda n: abs(np.log(n / labels.n)))
    rival = next((table for table in order if is_trained(table) != is_trained(best)), None)
    there = [(interval.mean, table) for table in order[1:] if (interval := table.at(n_labeled)) is not None]
    runner_up = max(there, key=lambda pair: pair[0])[1] if there else None
    differences = paired_differences([best], [runner_up]) if runner_up is not None else ()
    scores = best.scores[best.budgets.index(n_labeled)]
    return Answer(
        Candidate(best, best.at(n_labeled), labels),
        None if rival is None else _candidate(rival, n_labeled, target),
        runner_up,
        next((difference.interval for difference in differences if difference.n_labeled == n_labeled), None),
        n_labeled,
        target,
        _TARGETS[0],
        (float(np.nanmin(scores)), float(np.nanmax(scores))),
        0 if best.model_seeds == (NO_MODEL_SEED,) else int(np.isfinite(scores).any(axis=1).sum()),
        int(np.isfinite(scores).any(axis=0).sum()),
        shared_budgets(usable),
        len(usable) - 1,
    )


def is_trained(table: SeedTable) -> bool:
    """Say whether a method rests on a trained model, by itself or by what chose its labels."""
    return table.needs in ("model", "models", "vae") or table.sampler != RANDOM


def _candidate(table: SeedTable, n_labeled: int, target: float) -> Candidate:
    return Candidate(table, table.at(n_labeled), labels_to_target(table, target))
