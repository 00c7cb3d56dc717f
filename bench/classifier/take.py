"""From a fitted learner to what can be taken away: each kind of learner, and each thing that it may look at, once."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from xgboost import XGBClassifier

from baselines.base import FewLabelClassifier
from baselines.boosting import XGBoostBaseline
from baselines.graph import N_NEIGHBORS, NeighborGraph, SpreadingBaseline
from baselines.representation import Components, fit_kmeans, fit_mixture, unit_scale
from baselines.tuning import XGBoostTuned
from bench.classifier import heads, sight
from bench.classifier.parts import Part, Parts
from bench.errors import SettingsError
from bench.judge.chosen import CANDIDATES, ChosenLearner
from bench.judge.ensemble import EnsembleLearner
from bench.judge.methods import Learner
from bench.judge.representations import Source, View, components_of, pca, standard_of
from bench.judge.student import LEAST, FixMatchLearner, LatentStudentLearner
from bench.plan.cells import ModelKey
from gmvae.decoding import HardDecoder, SoftBayesDecoder, SoftDecoder, SoftSharesDecoder
from gmvae.kinds import are_embeddings

_OURS = frozenset({"baselines", "bench", "gmvae"})


def check_takeable(learner: Learner, name: str, *, onnx: bool = False) -> None:
    """Refuse a method, before it is fitted, whose learner does not say what it has learnt.

    Parameters
    ----------
    onnx
        Whether it must be written as ONNX, too.

    Raises
    ------
    SettingsError
        If it does not.
    """
    if not _is_ours(learner) or not isinstance(learner, (EnsembleLearner, ChosenLearner, FewLabelClassifier, *_DECODERS)):
        raise SettingsError(
            f"{name} cannot be taken away: its learner, {type(learner).__name__}, does not come with gmvae-bench, which "
            "therefore does not know how to write it down; take another method, see `gmvae-bench methods`"
        )
    if onnx and isinstance(learner, XGBoostBaseline | XGBoostTuned):
        raise SettingsError(
            f"{name} cannot be written as ONNX, as its trees stay in XGBoost's own form; leave out --onnx, or take another method"
        )


def _is_ours(learner: Learner) -> bool:
    """Return whether a learner's class comes with gmvae-bench: a subclass of one may say something else than it does."""
    return type(learner).__module__.partition(".")[0] in _OURS


class Taker:
    """Takes learners of one pool apart.

    Parameters
    ----------
    source
        What representations of the pool are computed from.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.students: dict[str, Part] = {}

    def take(self, learner: Learner, representation: str, view: Any, key: ModelKey | None, name: str = "") -> Part:
        """Return a head that answers as a learner does.

        Parameters
        ----------
        representation
            What the learner sees: a name in `bench.judge.representations.REPRESENTATIONS`.
        view
            What it saw of the pool.
        key
            The clustering that it was made by.

        Raises
        ------
        SettingsError
            If that cannot be taken apart.
        """
        if not _is_ours(learner):
            raise SettingsError(f"{type(learner).__name__} cannot be taken away: it does not come with gmvae-bench")
        if isinstance(learner, ChosenLearner):
            inner = CANDIDATES[learner.chosen_].representation
            return self.take(learner.learner_, inner, view.views[inner], key, name)
        if isinstance(learner, LatentStudentLearner):
            return self._student(learner, view, key, name)
        if isinstance(learner, FixMatchLearner):
            return self._fixmatch(learner, name)
        if isinstance(learner, SpreadingBaseline):
            return _spread(learner, view, self.look(representation, key))
        for kind, make in _DECODERS.items():
            if isinstance(learner, kind):
                return make(learner, self.look(representation, key))
        if isinstance(learner, FewLabelClassifier):
            return _few(learner, self.look(representation, key))
        raise SettingsError(
            f"{type(learner).__name__} cannot be taken away: only methods that come with gmvae-bench say what they learnt"
        )

    def look(self, representation: str, key: ModelKey | None) -> Part:
        """Return what sees new items as a representation sees the pool; of a graph, where its items lie."""
        makers: dict[str, Callable[[], Part]] = {
            "pixels": self._pixels,
            "pca": self._pca,
            "pixel-graph": self._pca,
            "posterior": lambda: sight.Components(model=_id(key)),
            "latent": lambda: sight.Latent(model=_id(key)),
            "latent-graph": lambda: sight.Latent(model=_id(key)),
            "joint": lambda: self._joint(key),
            "joint-graph": lambda: self._joint(key),
            "kmeans": lambda: self._kmeans(key),
            "mixture": lambda: self._mixture(self._pca(), self.components.pool, key),
            "vae-mixture": lambda: self._mixture(sight.Latent(model=_id(key and key.plain_vae)), self._latent(), key),
        }
        if representation not in makers:
            raise SettingsError(f"what sees {representation} cannot be taken away")
        return makers[representation]()

    def _pixels(self) -> Part:
        standard = standard_of(self.source.pool)
        return sight.Items() if standard is None else sight.Scaled(look=sight.Items(), mean=standard.mean, scale=standard.scale)

    @cached_property
    def _project(self) -> Components:
        return components_of(self.source)

    @cached_property
    def components(self) -> View:
        """Principal components of the pool."""
        return pca(self.source, self._project)

    def _pca(self) -> Part:
        below = sight.Items() if are_embeddings(self.source.pool) else self._pixels()
        return sight.Projected(look=below, mean=self._project.mean, axes=self._project.axes)

    def _latent(self) -> Float[np.ndarray, "n z"]:
        assert self.source.encoded is not None  # noqa: S101 - a method that sees latents has a model
        return self.source.encoded[0].latent

    def _joint(self, key: ModelKey | None) -> Part:
        scales = np.array([unit_scale(self._latent()), unit_scale(self.components.pool)], np.float32)
        return sight.Beside(first=sight.Latent(model=_id(key)), second=self._pca(), scales=scales)

    def _kmeans(self, key: ModelKey | None) -> Part:
        assert key is not None  # noqa: S101 - clusters have a number and a seed
        fitted = fit_kmeans(self.components.pool, key.n_components, key.model_seed)
        centres = fitted.model.cluster_centers_.astype(np.float32)
        return sight.Centres(look=self._pca(), centres=centres, variance=float(fitted.variance))

    def _mixture(self, look: Part, points: Float[np.ndarray, "n d"], key: ModelKey | None) -> Part:
        assert key is not None  # noqa: S101 - clusters have a number and a seed
        model = fit_mixture(points, key.n_components, key.model_seed).model
        return sight.Mixture(
            look=look, log_weights=np.log(model.weights_), means=model.means_, precisions=model.precisions_cholesky_
        )

    def _taught(self, learner: FixMatchLearner, name: str) -> str:
        name = f"student{name}"
        assert learner.student_ is not None  # noqa: S101 - asked before
        self.students[name] = sight.Taught(learner.student_, self.source.image_shape, self.source.pool.shape[1])
        return name

    def _fixmatch(self, learner: FixMatchLearner, name: str) -> Part:
        if learner.student_ is None:
            return _only(learner)
        return _among(heads.Said(student=self._taught(learner, name)), learner)

    def _student(self, learner: LatentStudentLearner, view: Any, key: ModelKey | None, name: str) -> Part:
        teacher = _spread(learner.teacher_, view.graph, sight.Latent(model=_id(key)))
        if learner.student_ is None:
            return teacher
        student = self._taught(learner, name)
        project, scales = learner.projection_, np.array(learner.scales_, np.float32)
        features = sight.Projected(look=sight.Features(student=student), mean=project.mean, axes=project.axes)
        beside = sight.Beside(first=features, second=sight.Latent(model=_id(key)), scales=scales)
        again = _spread(learner.graph_learner_, learner.graph_, beside)
        seen = np.zeros(learner.n_classes_, np.float32)
        seen[learner.seen_] = 1
        said = _among(heads.Said(student=student), learner)
        return heads.GeometricMean(heads=Parts(said=said, taught=teacher, again=again), seen=seen, least=float(LEAST))


def _id(key: ModelKey | None) -> str:
    assert key is not None  # noqa: S101 - what sees a model has one
    return key.id


def _soft(decoder: Any, look: Part) -> Part:
    return heads.Decoded(
        look=look, class_given=decoder.class_given_.astype(np.float32), frequency=decoder.frequency_.astype(np.float32)
    )


def _hard(decoder: Any, look: Part) -> Part:
    return heads.Voted(look=look, classes=np.eye(decoder.n_classes_, dtype=np.float32)[decoder.cluster_class_])


_DECODERS: dict[type, Callable[[Any, Part], Part]] = {
    SoftDecoder: _soft,
    SoftBayesDecoder: _soft,
    SoftSharesDecoder: _soft,
    HardDecoder: _hard,
}


def _spread(learner: SpreadingBaseline, graph: NeighborGraph, look: Part) -> Part:
    if graph.points is None or graph.scale is None:
        raise SettingsError("this graph does not say where its items lie")
    labeled, codes = learner.labeled_
    return heads.Spread(
        look=look,
        points=graph.points.astype(np.float32),
        scale=graph.scale,
        field=learner.field_.astype(np.float32),
        known=labeled,
        codes=codes,
        n_neighbors=min(N_NEIGHBORS, len(graph.points) - 1),
    )


def _few(learner: FewLabelClassifier, look: Part) -> Part:
    """Return what learns from the labelled items alone: a classifier of a library, for the classes shown."""
    if learner.model_ is None:
        return _only(learner)
    return _among(_library(learner.model_, look), learner)


def _library(model: Any, look: Part) -> Part:
    """Return a classifier of scikit-learn or XGBoost as arrays."""
    if isinstance(model, SelfTrainingClassifier):
        return _library(model.estimator_, look)
    if isinstance(model, Pipeline):
        *before, last = (step for _, step in model.steps)
        for step in before:
            look = _scaled(step, look)
        return _library(last, look)
    if isinstance(model, LogisticRegression):
        return _layers([model.coef_.T], [model.intercept_], look)
    if isinstance(model, MLPClassifier):
        return _layers(model.coefs_, model.intercepts_, look)
    if isinstance(model, KNeighborsClassifier):
        classes = np.eye(len(model.classes_), dtype=np.float32)[model._y]
        return heads.Nearest(look=look, points=model._fit_X, classes=classes, n_neighbors=model.n_neighbors)
    if isinstance(model, XGBClassifier):
        booster = np.frombuffer(bytes(model.get_booster().save_raw("ubj")), np.uint8).copy()
        return heads.Trees(look=look, booster=booster, two=len(model.classes_) == 2)
    raise SettingsError(f"{type(model).__name__} cannot be taken away")


def _scaled(step: Any, look: Part) -> Part:
    if not isinstance(step, StandardScaler):
        raise SettingsError(f"{type(step).__name__} cannot be taken away")
    return sight.Scaled(look=look, mean=step.mean_.astype(np.float32), scale=step.scale_.astype(np.float32))


def _layers(weights: list[np.ndarray], biases: list[np.ndarray], look: Part) -> Part:
    *before, last = zip(weights, biases, strict=True)
    if last[0].shape[1] == 1:
        # Two classes have one output, the second's: beside it the first's is 0.
        last = np.hstack([np.zeros_like(last[0]), last[0]]), np.concatenate([np.zeros_like(last[1]), last[1]])
    arrays = {}
    for depth, (weight, bias) in enumerate([*before, last]):
        arrays[f"weight_{depth}"], arrays[f"bias_{depth}"] = weight.astype(np.float32), bias.astype(np.float32)
    return heads.Perceptron(look=look, n_layers=len(weights), **arrays)


def _among(head: Part, learner: FewLabelClassifier) -> Part:
    return heads.Among(head=head, columns=np.eye(learner.n_classes_, dtype=np.float32)[learner.seen_])


def _only(learner: FewLabelClassifier) -> Part:
    return heads.Only(proba=np.eye(learner.n_classes_, dtype=np.float32)[learner.seen_[0]][None])
