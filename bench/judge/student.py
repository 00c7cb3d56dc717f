"""The methods `latent-student` and `fixmatch`: a network taught by a few labels, with and without a trained model beside it."""

from functools import partial
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from baselines.base import FewLabelClassifier
from baselines.graph import NeighborGraph, NeighborWeights, SpreadingBaseline
from baselines.nearest import quick_index
from baselines.representation import fit_components, unit_scale
from bench.judge.representations import Teachable, Viewable
from gmvae.student import Renew, Student, teach

# Principal components of a student's features that its graph lies in.
_N_COMPONENTS = 32
# No class of which a label was shown is out of the question.
LEAST = np.float32(1e-6)
# Weight of the student's distances beside those of the latents.
_OF_STUDENT = np.float32(2)


class FixMatchLearner(FewLabelClassifier):
    """A network that learns from the labels, and from what it is sure of itself (Sohn et al. 2020). It sees no trained model."""

    def fit(self, x: Viewable, y: Int[np.ndarray, " n"]) -> Self:
        """Learn from the items with y >= 0, and from the views of all."""
        y, labeled = self._check_labels(x, y)
        self.student_ = self._teach(x, y, labeled)
        self.label_distributions_ = self.predict_proba(x)
        self.transduction_ = self.label_distributions_.argmax(axis=1)
        return self

    def predict_proba(self, x: Viewable) -> Float[np.ndarray, "n l"]:
        """Return class probabilities."""
        proba = np.zeros((len(x), self.n_classes_), np.float32)
        proba[:, self.seen_] = 1 if self.student_ is None else self.student_.look(x.items)[1]
        return proba

    def _teach(
        self,
        x: Viewable,
        y: Int[np.ndarray, " n"],
        labeled: Int[np.ndarray, " s"],
        answers: Float[np.ndarray, "n l"] | None = None,
        renew: Renew | None = None,
    ) -> Student | None:
        self.seen_, codes = np.unique(y[labeled], return_inverse=True)
        # One class seen: there is nothing to tell apart.
        if len(self.seen_) == 1:
            return None
        return teach(
            x.items,
            labeled,
            codes,
            None if answers is None else answers[:, self.seen_],
            image_shape=x.image_shape,
            views=x.views,
            renew=None if renew is None else lambda student: renew(student)[:, self.seen_],
            random_state=self.random_state,
            # A judging task asks Ray for a core, not for a GPU.
            device="cpu",
        )


class LatentStudentLearner(FixMatchLearner):
    """Labels spread over the latents; a network learns from what they say; then they spread over both, side by side.

    The student sees the items themselves, under random views, and learns what classes have in common; the graph asks each item's
    neighbours, and counts the labels in full again. It is asked twice while the student learns, which goes on with the better
    answers, and once at the end. The result is the geometric mean of three answers: of the first spreading, of the student and
    of the last spreading. Where the views mislead the student the others hold it up.

    Attributes
    ----------
    teacher_, student_, graph_learner_
        The first spreading, the network (`None` where only one class was shown), and the second spreading.
    graph_, projection_, scales_
        What the second one reads: the graph of the student's features, projected and scaled, beside the latents.
    """

    def fit(self, x: Teachable, y: Int[np.ndarray, " n"]) -> Self:  # type: ignore[override]
        """Learn from the items with y >= 0."""
        y, labeled = self._check_labels(x, y)
        self.teacher_ = SpreadingBaseline(self.n_classes_, self.n_jobs, self.random_state).fit(x.graph, y)
        answers = self.teacher_.label_distributions_
        self.student_ = self._teach(x, y, labeled, answers, partial(self._anew, x, y))
        if self.student_ is None:
            self.graph_learner_, self.label_distributions_ = self.teacher_, answers
        else:
            features, proba = self.student_.look(x.items)
            self.graph_learner_ = self._spread(x, y, features)
            self.label_distributions_ = self._together(proba, answers, self.graph_learner_.label_distributions_)
        self.transduction_ = self.label_distributions_.argmax(axis=1)
        return self

    def predict_proba(self, x: Teachable) -> Float[np.ndarray, "n l"]:  # type: ignore[override]
        """Return class probabilities of new items from the field at their neighbours in the pool."""
        if self.student_ is None:
            return self.graph_learner_.predict_proba(x.graph)
        features, proba = self.student_.look(x.items)
        points = np.hstack([self.projection_(features) * self.scales_[0], x.latent * self.scales_[1]])
        spread = self.graph_learner_.predict_proba(self._weights.graph_of_new(points))
        return self._together(proba, self.teacher_.predict_proba(x.graph), spread)

    def _anew(self, x: Teachable, y: Int[np.ndarray, " n"], student: Student) -> Float[np.ndarray, "n l"]:
        return self._spread(x, y, student.look(x.items)[0]).label_distributions_

    def _spread(self, x: Teachable, y: Int[np.ndarray, " n"], features: Float[np.ndarray, "n h"]) -> SpreadingBaseline:
        # The student has seen the labels: hidden from this graph they would look easier to tell than they are.
        alpha = self.teacher_.alpha_
        return SpreadingBaseline(self.n_classes_, self.n_jobs, self.random_state, alpha).fit(self._graph(x, features), y)

    def _together(self, of_student: Float[np.ndarray, "n s"], *spread: Float[np.ndarray, "n l"]) -> Float[np.ndarray, "n l"]:
        """Return the geometric mean of what the student, which knows the classes shown, and both spreadings say."""
        said = [of_student, *(answers[:, self.seen_] for answers in spread)]
        logarithms: np.ndarray = np.mean([np.log(np.maximum(answers, LEAST)) for answers in said], axis=0)
        mean = np.zeros_like(spread[0])
        mean[:, self.seen_] = np.exp(logarithms)
        mean /= mean.sum(axis=1, keepdims=True)
        return mean

    def _graph(self, x: Teachable, features: Float[np.ndarray, "n h"]) -> NeighborGraph:
        """Return the graph of latents beside the leading components of the student's features."""
        self.projection_ = fit_components(features, self.random_state, _N_COMPONENTS)
        components = self.projection_(features)
        self.scales_ = _OF_STUDENT * unit_scale(components), unit_scale(x.latent)
        points = np.hstack([components * self.scales_[0], x.latent * self.scales_[1]])
        self._weights = NeighborWeights(points, self.n_jobs, quick_index)
        self.graph_ = self._weights.graph()
        return self.graph_
