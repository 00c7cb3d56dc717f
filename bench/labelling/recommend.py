"""Which method to use on the labels given so far, what accuracy to expect, and whether more labels are worth buying."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from baselines.hidden import first_as_good
from bench.engine.steps import represent, represent_parent, threads
from bench.judge.chosen import CANDIDATES, Candidate, Told, quick_spreading, try_hidden
from bench.judge.methods import METHODS
from bench.judge.representations import REPRESENTATIONS
from bench.labelling.given import GivenLabels
from bench.labelling.label import LEAST_DRAWN
from bench.labelling.workplace import Workplace
from bench.stats.calibration import share_interval
from bench.stats.intervals import Interval
from bench.stats.learning_curve import LearningCurve, Needed, Tried, corrected_for_choice

# Those of `auto` read the model; these do without, so that a user learns whether it is worth it.
WITHOUT_MODEL: dict[str, Candidate] = {
    name: Candidate(METHODS[name].representation, METHODS[name].make, on_trial)
    for name, on_trial in {"label-spreading": quick_spreading, "logreg": None, "xgboost": None}.items()
}
ALL = CANDIDATES | WITHOUT_MODEL
"""In the order in which they are trusted where they tell about as many labels."""
# Of the learning curve: shares of the labels to learn from, and how often; beside them stand the four fifths of `try_hidden`.
_SHARES, _REPEATS = (0.25, 0.5), 4
_OF_FIVE = 0.8
# More labels are advised against when it is this likely that twice as many are not worth it.
_SURE = 0.8
WORTH = 0.01
"""More labels are worth it, unless the user says otherwise, while twice as many gain at least this much accuracy."""


@dataclass(frozen=True)
class Choice:
    """What a method told of the labels hidden from it."""

    name: str
    told: Told

    @property
    def accuracy(self) -> Interval:
        """Share of the hidden labels that it told."""
        return share_interval(int(self.told.right.sum()), len(self.told.right))


@dataclass(frozen=True)
class Outlook:
    """What labels bring, as far as those drawn at random tell."""

    n_drawn: int
    accuracy: Interval
    """Of the recommended method on the rest, with the labels there are."""
    curve: LearningCurve
    needed: Needed | None
    """Labels at which the target is reached; `None` where there is no target."""
    gain: Interval
    """What twice the labels would gain, or all that are left where these are fewer."""
    n_gain: int
    """How many labels that is."""
    worth_it: float
    """Probability that they gain as much as makes them worth it."""
    reached: bool
    """Whether the target is, more likely than not."""

    @property
    def stop(self) -> bool:
        """Whether more labels are hardly worth it."""
        return self.reached or self.worth_it <= 1 - _SURE


@dataclass(frozen=True)
class Recommendation:
    """The method to use, and what to expect of it."""

    choices: tuple[Choice, ...]
    """The one to use, then the others by how well they told."""
    n_labeled: int
    outlook: Outlook | None
    """`None` where fewer than `LEAST_DRAWN` labels were drawn at random."""

    @property
    def method(self) -> str:
        """The one to use."""
        return self.choices[0].name


def recommend(
    workplace: Workplace, given: GivenLabels, *, target: float | None = None, worth: float = WORTH, random_state: int = 0
) -> Recommendation:
    """Compare methods on the given labels, hidden in turn, and continue the best one's learning curve.

    Parameters
    ----------
    target
        Accuracy to be reached, a share.
    worth
        More labels are worth it while twice as many gain at least this much accuracy.
    """
    y, n_classes = workplace.known_with(given), len(given.class_names)
    drawn = np.sort(given.items[given.drawn])
    says_accuracy = len(drawn) >= LEAST_DRAWN
    # Chosen labels say little of the rest, but more than nothing of which method is better.
    hideable = drawn if says_accuracy else np.flatnonzero(y >= 0)
    with threads(1):
        views = see(workplace)
        told = {name: try_hidden(one, views, y, hideable, n_classes, 1, random_state) for name, one in ALL.items()}
        best = list(told)[first_as_good(np.stack([one.score for one in told.values()]))]
        order = sorted(told, key=lambda name: (name != best, -told[name].score.sum()))
        choices = tuple(Choice(name, told[name]) for name in order)
        n_labeled = int((y >= 0).sum())
        if not says_accuracy:
            return Recommendation(choices, n_labeled, None)
        curve = learning_curve(best, told, views, y, drawn, n_classes, random_state)
    return Recommendation(choices, n_labeled, _outlook(curve, len(drawn), len(y), target, worth))


def outlook_of(
    workplace: Workplace, given: GivenLabels, name: str, *, worth: float = WORTH, random_state: int = 0
) -> Outlook | None:
    """Continue the learning curve of one method; `None` where too few labels were drawn at random, or it is none of `ALL`.

    Quicker than `recommend`, which compares them all.
    """
    y, drawn = workplace.known_with(given), np.sort(given.items[given.drawn])
    if len(drawn) < LEAST_DRAWN or name not in ALL:
        return None
    method, n_classes = METHODS[name], len(given.class_names)
    with threads(1):
        key = None if method.needs == "nothing" else workplace.key
        view = represent(method, key, workplace.dataset, None, *([] if key is None else [workplace.encoded])).pool
        views = {ALL[name].representation: view}
        told = {name: try_hidden(ALL[name], views, y, drawn, n_classes, 1, random_state)}
        curve = learning_curve(name, told, views, y, drawn, n_classes, random_state)
    return _outlook(curve, len(drawn), len(y), None, worth)


def see(workplace: Workplace) -> Mapping[str, Any]:
    """Return what the candidates see of the pool, by the names of representations."""
    components = represent_parent("pca", workplace.dataset)
    several = represent(METHODS["auto"], workplace.key, workplace.dataset, components, workplace.encoded)
    views: dict[str, Any] = dict(several.pool.views)
    for name in WITHOUT_MODEL:
        method = METHODS[name]
        if method.representation not in views:
            parent = components if REPRESENTATIONS[method.representation].parent else None
            views[method.representation] = represent(method, None, workplace.dataset, parent).pool
    return views


def learning_curve(
    name: str,
    told: Mapping[str, Told],
    views: Mapping[str, Any],
    y: Int[np.ndarray, " n"],
    drawn: Int[np.ndarray, " s"],
    n_classes: int,
    random_state: int = 0,
) -> LearningCurve:
    """Return the curve of one candidate: how it tells labels drawn at random from quarters, halves and four fifths of them.

    The other labels are learnt from in the same share, and beside the four fifths all of them. `told` is what all candidates told
    of the last, so that the luck of the chosen one is left out.
    """
    n_labeled = int((y >= 0).sum())
    others = np.setdiff1d(np.flatnonzero(y >= 0), drawn)
    right, score = (np.stack([getattr(one, part) for one in told.values()]) for part in ("right", "score"))
    fair = corrected_for_choice(right, score, first_as_good, seed=random_state)
    tried = [Tried(_OF_FIVE * len(drawn) + len(others), fair * len(drawn), len(drawn))]
    rng = np.random.default_rng(random_state)
    for share in _SHARES:
        tries = [_try_share(ALL[name], views, y, drawn, others, share, n_classes, rng) for _ in range(_REPEATS)]
        n_shown, told_right = tries[0][0], np.concatenate([answers for _, answers in tries])
        # The luck of the choice is in these answers too, and hidden labels serve several times.
        luck = fair - right[list(told).index(name)].mean()
        rate = float(np.clip(told_right.mean() + luck, 0, 1))
        worth = min(len(told_right), len(drawn) * (1 - share))
        tried.append(Tried(n_shown, rate * worth, worth))
    return LearningCurve(tried, n_labeled)


def _try_share(
    candidate: Candidate,
    views: Mapping[str, Any],
    y: Int[np.ndarray, " n"],
    drawn: Int[np.ndarray, " s"],
    others: Int[np.ndarray, " o"],
    share: float,
    n_classes: int,
    rng: np.random.Generator,
) -> tuple[int, Bool[np.ndarray, " t"]]:
    """Learn from a random share of the labels; return how many those are, and which others drawn at random are told right."""
    mixed = rng.permutation(drawn)
    n_shown = max(1, round(share * len(drawn)))
    hidden = mixed[n_shown:]
    shown = np.full_like(y, -1)
    kept = np.concatenate([mixed[:n_shown], rng.permutation(others)[: round(share * len(others))]])
    shown[kept] = y[kept]
    view = views[candidate.representation]
    learner = (candidate.on_trial or candidate.make)(n_classes, 1, 0).fit(view, shown)
    transduction = getattr(learner, "transduction_", None)
    said = learner.predict(view[hidden]) if transduction is None else transduction[hidden]
    return len(kept), np.asarray(said == y[hidden])


def _outlook(curve: LearningCurve, n_drawn: int, n_pool: int, target: float | None, worth: float) -> Outlook:
    n, needed = min(2 * curve.n_labeled, n_pool), None if target is None else curve.needed(target)
    return Outlook(
        n_drawn=n_drawn,
        accuracy=curve.accuracy(curve.n_labeled),
        curve=curve,
        needed=needed,
        gain=curve.gain(n),
        n_gain=n,
        worth_it=curve.chance(n, worth),
        reached=needed is not None and needed.likely is not None and needed.likely <= curve.n_labeled,
    )
