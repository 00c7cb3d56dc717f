"""Which items to label next, and what they are worth in random labels."""

from dataclasses import dataclass

import numpy as np

from bench.engine.steps import threads
from bench.errors import SettingsError, number_of
from bench.labelling.given import GivenLabels
from bench.labelling.workplace import Workplace
from bench.plan.samplers import RANDOM, begin
from bench.plan.samplers.base import Pick, draw, unanswered
from bench.plan.seeds import derive_seed
from bench.stats.cluster_coverage import LabelsNeeded, labels_needed

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Selection:
    """Items to label."""

    picks: tuple[tuple[Pick, str], ...]
    """Each with the sampler that asks for it, in order."""
    n_chosen: int
    """How many of them the sampler asks for; the others are drawn at random."""
    n_known: int
    """Labels that there were already."""
    n_clusters: int
    n_covered: int
    """Clusters that hold a label once these items have theirs."""
    random_needed: LabelsNeeded
    """Random labels that cover every cluster."""


def select_items(
    workplace: Workplace, sampler: str, n: int, given: GivenLabels | None = None, *, audit: int = 0, label_seed: int = 0
) -> Selection:
    """Choose n items to label next, and `audit` more at random, to judge the result by.

    With the same label seed a sampler asks for the same items as in a run, as far as it can without answers.

    Raises
    ------
    SettingsError
        If too few items are without a label, or the sampler is an oracle.
    """
    y = workplace.known_with(given)
    asked: list[tuple[Pick, str]] = []
    for name, count in ((sampler, n), (RANDOM, audit)):
        left = int((y < 0).sum()) - len(asked)
        if count > left:
            raise SettingsError(f"asked for {number_of(count, 'item')} to label, but {left:,} of {len(y):,} are without a label")
        seed = derive_seed("labels", workplace.dataset.sha256, name, label_seed)
        with threads(1):
            asker = begin(name, np.arange(len(y)), len(y), seed, workplace.encoded[0])
            for item in np.flatnonzero(y >= 0):
                asker.tell(int(item), int(y[item]))
            for pick, _ in asked:
                asker.tell(pick.item, -1)
            asked += [(pick, name) for pick in draw(asker, count, unanswered)]
    assignment, sizes = workplace.assignment, workplace.sizes
    items = [*np.flatnonzero(y >= 0).tolist(), *(pick.item for pick, _ in asked)]
    return Selection(
        picks=tuple((_with_cluster(pick, workplace), name) for pick, name in asked),
        n_chosen=n,
        n_known=int((y >= 0).sum()),
        n_clusters=int((sizes > 0).sum()),
        n_covered=len(np.unique(assignment[items])),
        random_needed=labels_needed(sizes[sizes > 0], _CONFIDENCE, replacement=False),
    )


def _with_cluster(pick: Pick, workplace: Workplace) -> Pick:
    cluster = int(workplace.assignment[pick.item])
    return Pick(pick.item, pick.reason, cluster, int(workplace.sizes[cluster]))
