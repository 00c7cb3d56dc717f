"""The cluster sampler: the most typical item of every cluster, then more of those clusters that may hold several classes."""

import numpy as np
from jaxtyping import Float, Int

from bench.plan.samplers.base import Asker, Pick, Sight

# Items of a cluster that stand for the whole of it, and items of it that are on offer at a time.
_REFERENCES, _CHOICES = 2_000, 200


class _Neighbourhood:
    """A cluster that is asked for again: which of its items brings labels closest to the others."""

    def __init__(self, references: Float[np.ndarray, "r z"], asked: Float[np.ndarray, "a z"]) -> None:
        self._references = references
        self._near = squared_distances(references, asked).min(axis=1)
        self._choices = np.empty(0, np.int64)

    def offer(self, choices: Int[np.ndarray, " c"], latent: Float[np.ndarray, "c z"]) -> None:
        """Take items that may be asked for."""
        self._choices, self._distances = choices, squared_distances(self._references, latent)

    def note(self, latent: Float[np.ndarray, " z"]) -> None:
        """Take an item that was asked for."""
        self._near = np.minimum(self._near, squared_distances(self._references, latent[None])[:, 0])

    def best(self, is_open: np.ndarray) -> int | None:
        """Return the item that lowers the mean distance to the nearest asked item most; `None` where none is left on offer."""
        left = np.flatnonzero(is_open[self._choices])
        if not len(left):
            return None
        gain = np.maximum(self._near[:, None] - self._distances[:, left], 0).sum(axis=0)
        return int(self._choices[left[gain.argmax()]])


class ClusterAsker(Asker):
    """The item nearest the mean of each cluster, largest clusters first; then clusters by what another label may improve.

    The mean is that of latent means weighted by q(c|x). For s items and m labels, j of them of the commonest class, the next
    cluster has the largest s (m - j + 1/2) / (m (m + 2)): the items that its majority class is expected to get wrong, over the
    labels it has had, so that impure and large clusters come again. The next item is the one that most lowers the mean squared
    distance to the nearest asked item (greedy facility location, over a random part of large clusters). An item of unknown class
    counts as one of the commonest class.
    """

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        if sight.posterior is None or sight.latent is None:
            raise ValueError("the cluster sampler needs posteriors and latent means")
        q, self._latent = sight.posterior.q, sight.latent
        self._assignment = sight.posterior.assignment
        n_components = q.shape[1]
        self._sizes = np.bincount(self._assignment, minlength=n_components)
        self._by_size = np.argsort(-self._sizes, kind="stable")
        self._means = (q.T @ self._latent) / np.maximum(q.sum(axis=0), np.finfo(np.float32).tiny)[:, None]
        by_cluster = np.argsort(self._assignment, kind="stable")
        self._members = np.split(by_cluster, np.cumsum(self._sizes)[:-1])
        self._n_open = np.bincount(self._assignment[sight.candidates], minlength=n_components)
        self._asked: list[list[int]] = [[] for _ in range(n_components)]
        self._votes: list[dict[int, int]] = [{} for _ in range(n_components)]
        self._disagree = np.zeros(n_components)
        self._n_asked = np.zeros(n_components)
        self._again: dict[int, _Neighbourhood] = {}

    def _learn(self, item: int, label: int) -> None:
        cluster = int(self._assignment[item])
        self._n_open[cluster] -= 1
        self._asked[cluster].append(item)
        self._n_asked[cluster] += 1
        if label >= 0:
            votes = self._votes[cluster]
            votes[label] = votes.get(label, 0) + 1
            self._disagree[cluster] = sum(votes.values()) - max(votes.values())
        if cluster in self._again:
            self._again[cluster].note(self._latent[item])

    def _next(self) -> Pick:
        for cluster in self._by_size:
            if not self._n_asked[cluster] and self._n_open[cluster]:
                return self._typical(int(cluster))
        n = np.maximum(self._n_asked, 1)
        gain = np.where(self._n_open > 0, self._sizes * (self._disagree + 0.5) / (n * (n + 2)), -1)
        return self._another(int(gain.argmax()))

    def _typical(self, cluster: int) -> Pick:
        items = self._open_members(cluster)
        distance = squared_distances(self._latent[items], self._means[cluster][None])[:, 0]
        return self._pick(int(items[distance.argmin()]), cluster, "nearest the mean of its cluster, which has no label yet")

    def _another(self, cluster: int) -> Pick:
        rng = np.random.default_rng([self.sight.seed, cluster, len(self._asked[cluster])])
        if cluster not in self._again:
            members = self._members[cluster]
            some = rng.choice(members, min(_REFERENCES, len(members)), replace=False)
            self._again[cluster] = _Neighbourhood(self._latent[some], self._latent[self._asked[cluster]])
        hood = self._again[cluster]
        item = hood.best(self.open)
        if item is None:
            items = self._open_members(cluster)
            choices = rng.choice(items, min(_CHOICES, len(items)), replace=False)
            hood.offer(choices, self._latent[choices])
            item = hood.best(self.open)
        assert item is not None  # noqa: S101 - the cluster has open items, and some of them are on offer
        odd, n = int(self._disagree[cluster]), len(self._asked[cluster])
        said = f"{odd} of its {n} labels disagree" if odd else f"it has {n} label{'s' * (n > 1)} so far"
        return self._pick(item, cluster, f"far from the labels of its cluster; {said}")

    def _open_members(self, cluster: int) -> Int[np.ndarray, " m"]:
        members = self._members[cluster]
        left: np.ndarray = members[self.open[members]]
        return left

    def _pick(self, item: int, cluster: int, reason: str) -> Pick:
        return Pick(item, reason, cluster, int(self._sizes[cluster]))


def squared_distances(
    a: Float[np.ndarray, "n z"], b: Float[np.ndarray, "m z"], b_norms: Float[np.ndarray, " m"] | None = None
) -> Float[np.ndarray, "n m"]:
    """Return squared Euclidean distances, never below 0; `b_norms` are b's squared norms, where they are known."""
    norms = (b**2).sum(axis=1) if b_norms is None else b_norms
    squared: np.ndarray = (a**2).sum(axis=1)[:, None] + norms[None] - 2 * (a @ b.T)
    np.maximum(squared, 0, out=squared)
    return squared
