"""Label decoding: turning clusters into classes with a few labels. Numpy only.

Every decoder follows scikit-learn's semi-supervised contract: `fit(x, y)` with x the posterior q(c|x) of the whole pool and y the
class of each item, -1 where it has no label; then `predict` and `predict_proba`. Classes are codes 0 … n_classes - 1.

Sources: the `soft` and `hard` rules are those of "You Don't Need Many Labels to Learn".
"""

from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from gmvae.errors import InputError

# Pseudo-count that `SoftBayesDecoder` gives to the class frequencies in every cluster, in units of labelled items.
SMOOTHING = 0.01
# Labels that `SoftSharesDecoder` adds to those of every class that has one: a share told by a few labels errs by much.
PSEUDO_LABELS = 5


class Posterior:
    """q(c|x) of n items, with what every decoding of it shares, computed once.

    Attributes
    ----------
    q
        (n, K) floats; rows sum to 1.
    assignment
        (n,) argmax component of each item.
    """

    def __init__(self, q: Float[np.ndarray, "n k"]) -> None:
        self.q = q
        self.assignment: Int[np.ndarray, " n"] = q.argmax(axis=1)

    def __len__(self) -> int:
        return len(self.q)

    def __getitem__(self, items: Int[np.ndarray, " m"]) -> "Posterior":
        return Posterior(self.q[items])

    def votes(self, items: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"], n_classes: int) -> Int[np.ndarray, "k l"]:
        """Return how many of the given items have each class and each cluster as their argmax."""
        votes = np.zeros((self.q.shape[1], n_classes), np.int64)
        np.add.at(votes, (self.assignment[items], y), 1)
        return votes

    @cached_property
    def affinity(self) -> Float[np.ndarray, "k k"]:
        """Cosine between the columns of q: how much two clusters are weighed for the same items."""
        overlap = self.q.T @ self.q
        norm = np.sqrt(np.maximum(np.diagonal(overlap), np.finfo(overlap.dtype).tiny))
        cosine: np.ndarray = overlap / np.outer(norm, norm)
        return cosine


def as_posterior(x: "Posterior | Float[np.ndarray, 'n k']") -> Posterior:
    """Return `x` itself when it is a `Posterior`, else one made from the array."""
    return x if isinstance(x, Posterior) else Posterior(np.asarray(x))


class LabelDecoder:
    """Base of the decoders: checks, and probabilities to classes.

    Parameters
    ----------
    n_classes
        L; `None` takes the largest class seen plus one.
    """

    def __init__(self, n_classes: int | None = None) -> None:
        self.n_classes = n_classes

    def fit(self, x: "Posterior | Float[np.ndarray, 'n k']", y: Int[np.ndarray, " n"]) -> Self:
        """Learn what the clusters mean from the items with y >= 0."""
        posterior, y = as_posterior(x), np.asarray(y)
        if y.shape != (len(posterior),):
            raise InputError(f"got {y.shape} labels for {len(posterior)} items; give one per item, -1 where unknown")
        labeled = np.flatnonzero(y >= 0)
        if not len(labeled):
            raise InputError("no item has a label; give at least one class >= 0")
        self.n_classes_ = int(y.max()) + 1 if self.n_classes is None else self.n_classes
        if y.max() >= self.n_classes_:
            raise InputError(f"got class {y.max()}, expected 0 … {self.n_classes_ - 1}")
        self.classes_ = np.arange(self.n_classes_)
        self.frequency_ = np.bincount(y[labeled], minlength=self.n_classes_) / len(labeled)
        self._learn(posterior, labeled, y[labeled])
        return self

    def predict(self, x: "Posterior | Float[np.ndarray, 'n k']") -> Int[np.ndarray, " n"]:
        """Return the class of each item; ties go to the smaller class, and where all scores are zero to the commonest label."""
        scores = self._scores(as_posterior(x))
        best: np.ndarray = scores.argmax(axis=1)
        best[scores[np.arange(len(best)), best] == 0] = self.frequency_.argmax()
        return best

    def predict_proba(self, x: "Posterior | Float[np.ndarray, 'n k']") -> Float[np.ndarray, "n l"]:
        """Return scores scaled to sum to 1; the class frequencies among the labels where all scores are zero."""
        scores = self._scores(as_posterior(x)).astype(np.float64)
        total = scores.sum(axis=1, keepdims=True)
        silent = np.tile(self.frequency_, (len(scores), 1))
        proba: np.ndarray = np.divide(scores, total, out=silent, where=total > 0)
        return proba

    def _learn(self, posterior: Posterior, labeled: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"]) -> None:
        raise NotImplementedError

    def _scores(self, posterior: Posterior) -> Float[np.ndarray, "n l"]:
        raise NotImplementedError

    def _class_mass(self, posterior: Posterior, labeled: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"]) -> np.ndarray:
        """Posterior mass that each class's labelled items put on each cluster, (L, K)."""
        one_hot = np.zeros((self.n_classes_, len(labeled)), posterior.q.dtype)
        one_hot[y, np.arange(len(labeled))] = 1
        mass: np.ndarray = one_hot @ posterior.q[labeled]
        return mass


class SoftDecoder(LabelDecoder):
    """Soft decoding of the paper: score_l(x) = sum_k q(k|x) M[l,k], M[l] the mean posterior of the labelled items of class l.

    A class without labels has a zero row and is never predicted. An item whose clusters hold no labelled mass at all (possible
    only where q is exactly zero, as float32 can make it) gets the commonest label; argmax would name class 0 unasked.
    """

    def _learn(self, posterior: Posterior, labeled: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"]) -> None:
        counts = np.bincount(y, minlength=self.n_classes_)[:, None]
        mass = self._class_mass(posterior, labeled, y)
        self.class_given_: Float[np.ndarray, "l k"] = mass / np.maximum(counts, 1).astype(mass.dtype)

    def _scores(self, posterior: Posterior) -> Float[np.ndarray, "n l"]:
        scores: np.ndarray = posterior.q @ self.class_given_.T
        return scores


class SoftBayesDecoder(LabelDecoder):
    """p(l|x) = sum_k q(k|x) p(l|k), with p(l|k) by Bayes' rule from soft counts, smoothed by the class frequencies.

    p(l|k) = (m_lk + a f_l) / (sum_l m_lk + a), m_lk the posterior mass that labelled items of class l put on cluster k, f_l the
    frequency of class l among the labels (add-one smoothed) and a = `SMOOTHING`. Unlike `SoftDecoder` it weighs a class by how
    often it occurs, and its rows are probabilities.
    """

    def _learn(self, posterior: Posterior, labeled: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"]) -> None:
        mass = self._class_mass(posterior, labeled, y)
        frequency = (np.bincount(y, minlength=self.n_classes_) + 1) / (len(y) + self.n_classes_)
        joint = mass + SMOOTHING * frequency[:, None].astype(mass.dtype)
        self.class_given_: Float[np.ndarray, "l k"] = joint / joint.sum(axis=0)

    def _scores(self, posterior: Posterior) -> Float[np.ndarray, "n l"]:
        scores: np.ndarray = posterior.q @ self.class_given_.T
        return scores


class SoftSharesDecoder(LabelDecoder):
    """Soft decoding with the classes' shares: between `SoftDecoder`, where labels are few, and `SoftBayesDecoder`, where many.

    p(l|x) = sum_k q(k|x) p(l|k) with p(l|k) = s_l M[l,k] / (sum_l s_l M[l,k] + 1 / n): M as in `SoftDecoder`, n the number of
    labels and s_l the share of class l among them, every class with a label counted five more. With few labels all classes weigh
    alike, as in the paper; with many each weighs as often as it occurs. A cluster with little labelled mass has little weight,
    but what it says still decides where nothing else does.
    """

    def _learn(self, posterior: Posterior, labeled: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"]) -> None:
        counts = np.bincount(y, minlength=self.n_classes_)
        share = np.where(counts > 0, counts + PSEUDO_LABELS, 0) / (counts[counts > 0] + PSEUDO_LABELS).sum()
        mass = self._class_mass(posterior, labeled, y)
        joint = (share / np.maximum(counts, 1)).astype(mass.dtype)[:, None] * mass
        self.class_given_: Float[np.ndarray, "l k"] = joint / (joint.sum(axis=0) + mass.dtype.type(1 / len(y)))

    def _scores(self, posterior: Posterior) -> Float[np.ndarray, "n l"]:
        scores: np.ndarray = posterior.q @ self.class_given_.T
        return scores


class HardDecoder(LabelDecoder):
    """Hard decoding exactly as the paper's code does it.

    A cluster means the majority class of the labelled items whose argmax it is (ties: the smaller class), **and class 0 where
    it has none**: the reference does so silently. `HardFallbackDecoder` is the sensible version.
    """

    def _learn(self, posterior: Posterior, labeled: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"]) -> None:
        self.cluster_class_: Int[np.ndarray, " k"] = posterior.votes(labeled, y, self.n_classes_).argmax(axis=1)

    def _scores(self, posterior: Posterior) -> Float[np.ndarray, "n l"]:
        one_hot: np.ndarray = np.eye(self.n_classes_, dtype=np.float32)[self.predict(posterior)]
        return one_hot

    def predict(self, x: "Posterior | Float[np.ndarray, 'n k']") -> Int[np.ndarray, " n"]:
        """Return the class of each item's argmax cluster."""
        classes: np.ndarray = self.cluster_class_[as_posterior(x).assignment]
        return classes


class HardFallbackDecoder(HardDecoder):
    """Hard decoding in which a tie goes to the class with more posterior mass, and a cluster without labels asks a neighbour.

    The neighbour is the named cluster nearest to it by `Posterior.affinity`: the one that the pool's posteriors weigh together
    with the unnamed one. A cluster that shares no item with any named one means the commonest label.
    """

    def _learn(self, posterior: Posterior, labeled: Int[np.ndarray, " s"], y: Int[np.ndarray, " s"]) -> None:
        votes = posterior.votes(labeled, y, self.n_classes_)
        named = np.flatnonzero(votes.sum(axis=1))
        # A named cluster has affinity 1 with itself, the largest there is, so that one rule serves all clusters but exact twins.
        nearest = named[posterior.affinity[:, named].argmax(axis=1)]
        nearest[named] = named
        # Votes are whole numbers and scaled masses are below 1, so that these decide between equals alone.
        mass = self._class_mass(posterior, labeled, y).T / (len(y) + 1)
        self.cluster_class_ = (votes + mass).argmax(axis=1)[nearest]
        alone = posterior.affinity[:, named].max(axis=1) <= 0
        self.cluster_class_[alone] = self.frequency_.argmax()


DECODERS: dict[str, type[LabelDecoder]] = {
    "soft": SoftDecoder,
    "soft-bayes": SoftBayesDecoder,
    "soft-shares": SoftSharesDecoder,
    "hard": HardDecoder,
    "hard-fallback": HardFallbackDecoder,
}
