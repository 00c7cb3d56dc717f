"""Uncertainty sampling (Lewis & Gale 1994) in rounds: items whose class is the least certain from the labels so far."""

import numpy as np
from jaxtyping import Float

from bench.plan.samplers.base import Asker, Pick, Sight
from gmvae.decoding import SoftBayesDecoder

# The first labels are random, so that there is something to doubt. Then each round adds a tenth to the labels there are.
_FIRST, _GROWTH = 50, 0.1


class _DoubtAsker(Asker):
    """Rounds of items, the most doubtful first, as Bayes' rule on the clusters judges by the labels so far.

    Within a round every cluster gives one item before any gives a second (cluster-margin sampling, Citovsky et al. 2021): items
    of one cluster are doubtful together, and the label of one settles the others.
    """

    word = "doubt"

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        if sight.posterior is None:
            raise ValueError("uncertainty needs the posteriors of a model")
        self._posterior = sight.posterior
        self._sizes = np.bincount(sight.posterior.assignment, minlength=sight.posterior.q.shape[1])
        self._start = np.random.default_rng(sight.seed).permutation(sight.candidates)
        self._round: list[int] = []

    def _next(self) -> Pick:
        if len(self.told) < _FIRST or not any(label >= 0 for label in self.told.values()):
            item = next(item for item in self._start if self.open[item])
            return Pick(int(item), "drawn at random, so that there is something to doubt")
        self._round = [item for item in self._round if self.open[item]]
        if not self._round:
            self._round = self._new_round()
        return Pick(self._round[0], self.word, *self._cluster(self._round[0]))

    def _new_round(self) -> list[int]:
        known = {item: label for item, label in self.told.items() if label >= 0}
        decoder = SoftBayesDecoder().fit(self._posterior[np.array(list(known))], np.array(list(known.values())))
        left = np.flatnonzero(self.open)
        certainty = self._certainty(decoder.predict_proba(self._posterior[left]))
        order = np.argsort(certainty, kind="stable")
        clusters = self._posterior.assignment[left[order]]
        together = np.argsort(clusters, kind="stable")
        starts = np.searchsorted(clusters[together], clusters[together])
        turn = np.empty(len(left), np.int64)
        turn[together] = np.arange(len(left)) - starts
        chosen = order[np.argsort(turn, kind="stable")]
        items: list[int] = left[chosen[: max(1, round(_GROWTH * len(self.told)))]].tolist()
        return items

    def _cluster(self, item: int) -> tuple[int, int]:
        cluster = int(self._posterior.assignment[item])
        return cluster, int(self._sizes[cluster])

    def _certainty(self, proba: Float[np.ndarray, "n l"]) -> Float[np.ndarray, " n"]:
        raise NotImplementedError


class MarginAsker(_DoubtAsker):
    """Smallest difference between the two most probable classes first."""

    word = "its two likeliest classes are nearly as likely"

    def _certainty(self, proba: Float[np.ndarray, "n l"]) -> Float[np.ndarray, " n"]:
        if proba.shape[1] < 2:
            return np.ones(len(proba))
        second, first = np.partition(proba, -2, axis=1)[:, -2:].T
        margin: np.ndarray = first - second
        return margin


class EntropyAsker(_DoubtAsker):
    """Largest entropy of the class first."""

    word = "its class is the least certain (entropy)"

    def _certainty(self, proba: Float[np.ndarray, "n l"]) -> Float[np.ndarray, " n"]:
        logs = np.log(np.maximum(proba, np.finfo(proba.dtype).tiny))
        negative_entropy: np.ndarray = (proba * logs).sum(axis=1)
        return negative_entropy
