"""TypiClust (Hacohen, Dekel & Weinshall 2022): the most typical items of clusters that have no label yet."""

import numpy as np
from jaxtyping import Int

from bench.plan.samplers.base import Asker, Pick, Sight
from bench.plan.samplers.clusters import squared_distances
from gmvae.quiet import fitted_quietly

# Clusters of the first round, neighbours that make up typicality, the smallest cluster that counts, and the most clusters; the
# last three as in section 3 and the appendix of Hacohen et al.
_FIRST, _NEIGHBORS, _SMALLEST, _MOST = 25, 20, 5, 500
_REFERENCES, _EXACT_CLUSTERS = 4_000, 50


class TypicalAsker(Asker):
    """Clusters the latent means by k-means and asks for the item with the nearest neighbours in each cluster without a label.

    Hacohen et al. make as many clusters as there will be labels. Here nobody knows how many there will be: rounds of 25, 50,
    100, 200, 400 and 500 clusters follow each other, each until all its clusters have a label; from then on the clusters with
    the fewest labels come first, the largest before smaller ones, as they do. Typicality is the inverse mean distance to the
    20 nearest items of the cluster (of 4,000 of them, where it has more).
    """

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        if sight.latent is None:
            raise ValueError("the typiclust sampler needs latent means")
        self._latent = sight.latent
        self._n_clusters = 0
        self._order: dict[int, list[int]] = {}
        self._asked: list[int] = []

    def _learn(self, item: int, label: int) -> None:  # noqa: ARG002 - the order depends on which items were asked for alone
        self._asked.append(item)
        if self._n_clusters:
            self._n_asked[self._assignment[item]] += 1
            self._n_open[self._assignment[item]] -= 1

    def _next(self) -> Pick:
        while True:
            cluster = self._cluster() if self._n_clusters else None
            if cluster is not None:
                break
            self._begin_round()
        item = next(item for item in self._typical_first(cluster) if self.open[item])
        about = f"the most typical of {int(self._sizes[cluster]):,} items that k-means on latent means puts together"
        return Pick(item, about, cluster, int(self._sizes[cluster]))

    def _cluster(self) -> int | None:
        """Return the cluster that is next, `None` where a finer clustering is due."""
        count = self._n_open > 0
        if (count & (self._sizes >= _SMALLEST)).any():
            count &= self._sizes >= _SMALLEST
        fewest = self._n_asked[count].min()
        if fewest > 0 and self._n_clusters < min(_MOST, self.sight.n_pool // _SMALLEST):
            return None
        ready = np.flatnonzero(count & (self._n_asked == fewest))
        return int(ready[self._sizes[ready].argmax()])

    def _begin_round(self) -> None:
        most = max(1, min(_MOST, self.sight.n_pool // _SMALLEST))
        self._n_clusters = min(most, 2 * self._n_clusters or _FIRST)
        self._assignment = self._clustered(self._n_clusters)
        self._sizes = np.bincount(self._assignment, minlength=self._n_clusters)
        self._n_open = np.bincount(self._assignment[self.open], minlength=self._n_clusters)
        self._n_asked = np.bincount(self._assignment[self._asked], minlength=self._n_clusters)
        self._order.clear()

    def _clustered(self, n_clusters: int) -> Int[np.ndarray, " n"]:
        # Loaded when used: planning a run must not cost the second that scikit-learn takes.
        from sklearn.cluster import KMeans, MiniBatchKMeans

        if n_clusters <= _EXACT_CLUSTERS:
            model = KMeans(n_clusters, n_init=1, random_state=self.sight.seed)
        else:
            model = MiniBatchKMeans(n_clusters, n_init=1, batch_size=4_096, random_state=self.sight.seed)
        assignment: np.ndarray = fitted_quietly(model, self._latent).labels_
        return assignment

    def _typical_first(self, cluster: int) -> list[int]:
        """Return a cluster's items, those with the nearest neighbours first."""
        if cluster not in self._order:
            members = np.flatnonzero(self._assignment == cluster)
            rng = np.random.default_rng([self.sight.seed, self._n_clusters, cluster])
            some = rng.choice(members, min(_REFERENCES, len(members)), replace=False)
            distances = np.sqrt(squared_distances(self._latent[members], self._latent[some]))
            distances[members[:, None] == some[None]] = np.inf
            k = max(1, min(_NEIGHBORS, len(some) - 1))
            mean = np.partition(distances, k - 1, axis=1)[:, :k].mean(axis=1)
            self._order[cluster] = members[np.argsort(mean, kind="stable")].tolist()
        return self._order[cluster]
