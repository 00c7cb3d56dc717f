"""Labels for a whole pool from a few, and an estimate of how many are right from those few alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from bench.classifier.make import make_network
from bench.classifier.network import Network
from bench.classifier.take import check_takeable
from bench.engine.steps import represent, threads
from bench.errors import SettingsError, unknown_name
from bench.judge.folds import answer
from bench.judge.methods import all_methods
from bench.labelling.crossfit import CrossFit, cross_fit
from bench.labelling.given import GivenLabels
from bench.labelling.workplace import Workplace
from bench.stats.calibration import Bin, expected_calibration_error, fit_temperature, reliability, share_interval, tempered
from bench.stats.intervals import Interval
from bench.store.models import load_encoded
from bench.store.presence import is_trained

# Fewer labels than this say nothing of how good the others are.
LEAST_DRAWN = 10


@dataclass(frozen=True)
class Estimate:
    """What is known of accuracy, from labels that were hidden in turn."""

    accuracy: Interval
    n: int
    bins: tuple[Bin, ...]
    calibration_error: float
    confident: Interval | None
    """Accuracy where the method does not abstain; `None` if it abstains from all hidden items."""
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
    chosen: str | None = None
    """The method that `auto` took."""
    models: tuple[str, ...] = ()
    """Names of the trained models that were read."""
    take: Callable[[], Network] | None = None
    """Returns what tells new items the same way."""


def label_items(
    workplace: Workplace,
    given: GivenLabels,
    method_name: str,
    *,
    abstain_below: float = 0.0,
    method_seed: int = 0,
    take: bool = False,
    onnx: bool = False,
) -> Labelling:
    """Label the whole pool from the given labels, and estimate from them alone how good that is.

    Accuracy and calibration are estimated by cross-fitting: ten parts of the labels drawn at random are hidden in turn, and
    predicted by learners of all the others. Labels of chosen items are never hidden: typical items are predicted right more often
    than the rest, and a cluster whose only label is hidden means nothing, so they would say little about either. The intervals
    are Wilson's, with a variance that grows with the share of the labels that are hidden in turn: a draw that teaches well tests
    badly, and the other way round. See docs/own-data.md for how often they hold.

    Parameters
    ----------
    take
        Whether a classifier will be taken from it: a method that cannot give one is then refused before it is fitted.
    onnx
        Whether that is to be written as ONNX.

    Raises
    ------
    SettingsError
        For an unknown method, one whose model the run does not have, or one that cannot be taken away.
    """
    methods = all_methods()
    if method_name not in methods:
        raise unknown_name("method", method_name, methods)
    method, dataset = methods[method_name], workplace.dataset
    clustering = workplace.ensemble if method.needs == "models" else workplace.key
    keys = method.models_read(clustering)
    for key in keys:
        if key != workplace.key and not is_trained(workplace.folder, key):
            raise SettingsError(
                f"{method_name} needs the model {key.id}, which {workplace.folder} does not have; run it with that method"
            )
    make = partial(method.make, len(given.class_names), 1, method_seed)
    if take:
        check_takeable(make(), method_name, onnx=onnx)
    encoded = {key: workplace.encoded if key == workplace.key else load_encoded(workplace.folder, key) for key in keys}
    view = represent(method, clustering, dataset, None, *encoded.values())
    y = workplace.known_with(given)
    drawn = np.zeros(len(y), bool)
    drawn[given.items[given.drawn]] = True
    with threads(1):
        learner = make().fit(view.pool, y)
        prediction = answer(learner, view)
        hidden = cross_fit(make, view, y, drawn, method_seed) if drawn.sum() >= LEAST_DRAWN else None
    temperature = 1.0 if hidden is None else fit_temperature(hidden.proba, y[hidden.items])

    def taken() -> Network:
        check_takeable(learner, method_name)
        models = {key: (workplace.network(key), pair[0]) for key, pair in ({workplace.key: workplace.encoded} | encoded).items()}
        with threads(1):
            return make_network(method, learner, view.pool, clustering, workplace.key, models, dataset, temperature)

    is_given = y >= 0
    said = np.where(is_given, y, prediction.said)
    probability = np.where(is_given, 1.0, tempered(prediction.proba, temperature)[np.arange(len(y)), said])
    return Labelling(
        said=said,
        probability=probability,
        given=is_given,
        abstained=~is_given & (probability < abstain_below),
        cluster=workplace.assignment,
        class_names=given.class_names,
        temperature=temperature,
        estimate=None
        if hidden is None
        else _estimate(hidden, y[hidden.items], abstain_below, float(drawn.sum() / is_given.sum())),
        n_drawn=int(drawn.sum()),
        chosen=getattr(learner, "chosen_", None),
        models=tuple(key.id for key in keys),
        take=taken,
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
    """Return the probability of the predicted class, at the temperature fitted on the other folds."""
    confidence = np.empty(len(truth))
    for fold in np.unique(hidden.fold):
        part, others = hidden.fold == fold, hidden.fold != fold
        temperature = fit_temperature(hidden.proba[others], truth[others])
        warm = tempered(hidden.proba[part], temperature)
        confidence[part] = warm[np.arange(len(warm)), hidden.said[part]]
    return confidence
