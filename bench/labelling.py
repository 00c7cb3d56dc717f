"""Wires one trained model to the two commands of a practitioner: which items to label, and labels for all the others."""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from bench.data.dataset import Dataset
from bench.data.given import GivenLabels
from bench.engine.steps import represent, threads
from bench.errors import SettingsError, unknown_name
from bench.judge.crossfit import CrossFit, answer, cross_fit
from bench.judge.methods import all_methods
from bench.plan.cells import ModelKey
from bench.plan.samplers import RANDOM, begin
from bench.plan.samplers.base import Pick, draw, unanswered
from bench.plan.seeds import derive_seed
from bench.stats.calibration import Bin, expected_calibration_error, fit_temperature, reliability, share_interval, tempered
from bench.stats.cluster_coverage import LabelsNeeded, labels_needed
from bench.stats.intervals import Interval
from bench.store.models import Pair, load_encoded
from bench.store.presence import is_trained, trained_models

_CONFIDENCE = 0.95
# Fewer labels than this say nothing of how good the others are.
_LEAST_DRAWN = 10


@dataclass(frozen=True, eq=False)
class Workplace:
    """A pool with a model of it."""

    folder: Path
    dataset: Dataset
    key: ModelKey
    encoded: Pair

    @property
    def known(self) -> Int[np.ndarray, " n"]:
        """Labels that the data bring along, -1 where they bring none; those of a benchmark, which brings all, are not read."""
        labels = self.dataset.labels
        return labels if (labels < 0).any() else np.full(len(labels), -1)

    @cached_property
    def assignment(self) -> Int[np.ndarray, " n"]:
        """Cluster of each item."""
        found: np.ndarray = self.encoded[0].posterior.argmax(axis=1)
        return found

    @cached_property
    def sizes(self) -> Int[np.ndarray, " k"]:
        """Items of each cluster."""
        return np.bincount(self.assignment, minlength=self.key.n_components)

    def known_with(self, given: GivenLabels | None) -> Int[np.ndarray, " n"]:
        """Return the labels that the data bring along and those that the user gives: codes of the latter's classes."""
        y = self.known.copy()
        if given is not None:
            y[given.items] = given.codes
        return y


def open_workplace(folder: Path, dataset: Dataset, model: str | None = None) -> Workplace:
    """Read a trained model of a run; without a name the largest K, and of those the first seed.

    Raises
    ------
    SettingsError
        If the run has no such model.
    """
    keys = trained_models(folder)
    if not keys:
        raise SettingsError(f"{folder} holds no trained model; repeat the command of its run, with a method such as soft")
    chosen = keys[0] if model is None else next((key for key in keys if key.id == model), None)
    if chosen is None:
        raise unknown_name("model in this run", str(model), [key.id for key in keys])
    return Workplace(folder, dataset, chosen, load_encoded(folder, chosen))


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
    place: Workplace, sampler: str, n: int, given: GivenLabels | None = None, *, audit: int = 0, label_seed: int = 0
) -> Selection:
    """Choose n items to label next, and `audit` more at random, by which the result can be judged.

    With the same label seed a sampler asks for the items that a run shows its methods, as far as it does so without answers.

    Raises
    ------
    SettingsError
        If there are not so many items without a label, or the sampler is an oracle.
    """
    y = place.known_with(given)
    asked: list[tuple[Pick, str]] = []
    for name, count in ((sampler, n), (RANDOM, audit)):
        left = int((y < 0).sum()) - len(asked)
        if count > left:
            raise SettingsError(f"asked for {count:,} items to label, but {left:,} of {len(y):,} are without a label")
        seed = derive_seed("labels", place.dataset.sha256, name, label_seed)
        with threads(1):
            asker = begin(name, np.arange(len(y)), len(y), seed, place.encoded[0])
            for item in np.flatnonzero(y >= 0):
                asker.tell(int(item), int(y[item]))
            for pick, _ in asked:
                asker.tell(pick.item, -1)
            asked += [(pick, name) for pick in draw(asker, count, unanswered)]
    assignment, sizes = place.assignment, place.sizes
    items = [*np.flatnonzero(y >= 0).tolist(), *(pick.item for pick, _ in asked)]
    return Selection(
        picks=tuple((_with_cluster(pick, place), name) for pick, name in asked),
        n_chosen=n,
        n_known=int((y >= 0).sum()),
        n_clusters=int((sizes > 0).sum()),
        n_covered=len(np.unique(assignment[items])),
        random_needed=labels_needed(sizes[sizes > 0], _CONFIDENCE, replacement=False),
    )


def _with_cluster(pick: Pick, place: Workplace) -> Pick:
    cluster = int(place.assignment[pick.item])
    return Pick(pick.item, pick.reason, cluster, int(place.sizes[cluster]))


@dataclass(frozen=True)
class Estimate:
    """What is known of accuracy, from labels that were hidden in turn."""

    accuracy: Interval
    n: int
    bins: tuple[Bin, ...]
    calibration_error: float
    confident: Interval | None
    """Accuracy where the method does not abstain; `None` where all of the hidden items are abstained from."""
    n_confident: int


@dataclass(frozen=True, eq=False)
class Labelling:
    """A class for every item."""

    said: Int[np.ndarray, " n"]
    """Class codes; those that were given stay as they are."""
    probability: Float[np.ndarray, " n"]
    """Of that class, calibrated; 1 where it was given."""
    given: Bool[np.ndarray, " n"]
    abstained: Bool[np.ndarray, " n"]
    cluster: Int[np.ndarray, " n"]
    class_names: tuple[str, ...]
    temperature: float
    estimate: Estimate | None
    """`None` where too few labels were drawn at random to say anything."""
    n_drawn: int


def label_items(
    place: Workplace, given: GivenLabels, method_name: str, *, abstain_below: float = 0.0, method_seed: int = 0
) -> Labelling:
    """Label the whole pool from what is given, and say from those labels alone how good that is.

    Accuracy and calibration are told by cross-fitting: labels of items drawn at random are hidden in ten parts, one after the
    other, and learners of all the others say what they are. Labels of chosen items are never hidden: typical items are told
    right more often than the rest, and a cluster whose only label is hidden means nothing, so that they would say little of
    either. The intervals are Wilson's, of fewer labels the more of what is learnt comes from labels that are hidden in turn:
    then a draw that teaches well tests badly, and the other way round. See docs/own-data.md for how often they hold.

    Raises
    ------
    SettingsError
        For an unknown method, or one whose model the run does not have.
    """
    methods = all_methods()
    if method_name not in methods:
        raise unknown_name("method", method_name, methods)
    method, dataset = methods[method_name], place.dataset
    key = method.model_for(place.key)
    if key not in (None, place.key) and not is_trained(place.folder, key):
        raise SettingsError(
            f"{method_name} needs the model {key.id}, which {place.folder} does not have; run it with that method"
        )
    encoded = place.encoded if key in (None, place.key) else load_encoded(place.folder, key)
    view = represent(method, place.key, dataset, encoded)
    y = place.known_with(given)
    drawn = np.zeros(len(y), bool)
    drawn[given.items[given.drawn]] = True
    make = partial(method.make, len(given.class_names), 1, method_seed)
    with threads(1):
        found = answer(make().fit(view.pool, y), view)
        hidden = cross_fit(make, view, y, drawn, method_seed) if drawn.sum() >= _LEAST_DRAWN else None
    temperature = 1.0 if hidden is None else fit_temperature(hidden.proba, y[hidden.items])
    is_given = y >= 0
    said = np.where(is_given, y, found.said)
    probability = np.where(is_given, 1.0, tempered(found.proba, temperature)[np.arange(len(y)), said])
    return Labelling(
        said=said,
        probability=probability,
        given=is_given,
        abstained=~is_given & (probability < abstain_below),
        cluster=place.assignment,
        class_names=given.class_names,
        temperature=temperature,
        estimate=None
        if hidden is None
        else _estimate(hidden, y[hidden.items], abstain_below, float(drawn.sum() / is_given.sum())),
        n_drawn=int(drawn.sum()),
    )


def _estimate(hidden: CrossFit, truth: Int[np.ndarray, " t"], abstain_below: float, share_drawn: float) -> Estimate:
    right = hidden.said == truth
    confidence = _confidence(hidden, truth)
    bins = reliability(confidence, right)
    sure = confidence >= abstain_below
    return Estimate(
        accuracy=share_interval(int(right.sum()), len(right), 1 + share_drawn),
        n=len(right),
        bins=bins,
        calibration_error=expected_calibration_error(bins),
        confident=share_interval(int(right[sure].sum()), int(sure.sum()), 1 + share_drawn) if sure.any() else None,
        n_confident=int(sure.sum()),
    )


def _confidence(hidden: CrossFit, truth: Int[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Return the probability of the class said, each fold's under the temperature that the other folds fit."""
    confidence = np.empty(len(truth))
    for fold in np.unique(hidden.fold):
        part, others = hidden.fold == fold, hidden.fold != fold
        temperature = fit_temperature(hidden.proba[others], truth[others])
        warm = tempered(hidden.proba[part], temperature)
        confidence[part] = warm[np.arange(len(warm)), hidden.said[part]]
    return confidence
