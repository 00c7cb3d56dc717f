"""A look inside one trained model and one draw of labels: classes, clusters, and single items."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import entr
from sklearn.manifold import TSNE

from bench.data.dataset import Dataset
from bench.errors import SettingsError, number_of
from bench.plan.samplers import labeled_items
from gmvae.decoding import HardDecoder, LabelDecoder, Posterior, SoftDecoder
from gmvae.model import GaussianMixtureVAE

_TOP = 4
# Items of which something is computed at once.
_ROWS = 4_096


@dataclass(frozen=True)
class ClusterSummary:
    """What one cluster holds, by all known labels: never seen by training or decoding."""

    component: int
    size: int
    class_code: int | None
    """The commonest class; `None` for a cluster without items of a known class."""
    purity: float


@dataclass(frozen=True)
class ClassGain:
    """One class under hard and soft decoding."""

    class_code: int
    n_items: int
    hard: float
    soft: float
    entropy: float
    """Mean entropy of q(c|x) over the class's items, in nats."""


@dataclass(frozen=True)
class Evidence:
    """One of the clusters that an item belongs to."""

    component: int
    weight: float
    """q(c|x)."""
    classes: tuple[tuple[int, float], ...]
    """Labelled mass of each class in this cluster, largest first; shares of the cluster's labelled mass."""


@dataclass(frozen=True)
class Saved:
    """Items that hard decoding gets wrong and soft decoding right, by the cluster that they belong to most."""

    unnamed: int
    """It holds no label, so that hard decoding has no name for it."""
    tied: int
    """As many of its labels are of the item's class as of the one that hard decoding names: the first in order."""
    outvoted: int
    """Most of its labels are of another class."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.unnamed + self.tied + self.outvoted


@dataclass(frozen=True)
class Explanation:
    """Why hard and soft decoding say what they say about one item."""

    item: int
    truth: int
    hard: int
    soft: int
    clusters: tuple[Evidence, ...]
    scores: tuple[tuple[int, float], ...]
    """Soft scores of the classes as shares, largest first."""
    saved: Saved
    n_lost: int
    """Items that hard decoding gets right and soft decoding wrong."""


class Inspection:
    """One model's posterior with the labels of one draw, decoded both ways.

    Parameters
    ----------
    posterior
        q(c|x) of the pool.
    n_labeled, label_seed
        The draw, as `gmvae-bench run` makes it.
    """

    def __init__(self, posterior: Float[np.ndarray, "n k"], dataset: Dataset, n_labeled: int, label_seed: int) -> None:
        if not 0 < n_labeled < dataset.n_known:
            raise SettingsError(
                f"got {number_of(n_labeled, 'label')}, expected 1 … {dataset.n_known - 1:,}, fewer than {dataset.name} has"
            )
        self.dataset = dataset
        self.n_labeled, self.label_seed = n_labeled, label_seed
        self.posterior = Posterior(posterior)
        self.given = dataset.shown(labeled_items(dataset.labels, dataset.sha256, "random", label_seed, n_labeled))
        self.hard = self._decode(HardDecoder)
        self.soft = self._decode(SoftDecoder)
        self.scored = (self.given < 0) & dataset.known

    def _decode(self, decoder: type[LabelDecoder]) -> Int[np.ndarray, " n"]:
        return decoder(self.dataset.n_classes).fit(self.posterior, self.given).predict(self.posterior)

    def class_gains(self) -> tuple[ClassGain, ...]:
        """Return accuracy per class under both decoders, with the mean entropy of q(c|x)."""
        q = self.posterior.q
        # In parts: with thousands of clusters a copy of them all is gigabytes.
        parts = [q[begin : begin + _ROWS] for begin in range(0, len(q), _ROWS)]
        entropy = np.concatenate([entr(part).sum(axis=1) for part in parts])
        truth = self.dataset.labels
        gains = []
        for code in range(self.dataset.n_classes):
            members = self.scored & (truth == code)
            if members.any():
                hard, soft = (float((guess[members] == code).mean()) for guess in (self.hard, self.soft))
                gains.append(ClassGain(code, int(members.sum()), hard, soft, float(entropy[members].mean())))
        return tuple(gains)

    def confusion(self) -> Int[np.ndarray, "l l"]:
        """Return counts of true class (rows) by soft decoding's class (columns)."""
        counts = np.zeros((self.dataset.n_classes,) * 2, np.int64)
        np.add.at(counts, (self.dataset.labels[self.scored], self.soft[self.scored]), 1)
        return counts

    def find_saved(self) -> int | None:
        """Return the item that soft decoding saves most clearly; `None` where it saves none.

        Among the unlabelled items that hard decoding gets wrong and soft right, it is the one with the largest soft score for its
        class, as a share of all its scores: the clearest case, not the closest. Items whose first cluster holds a label come
        first: the others are wrong only because hard decoding has no name for their cluster.
        """
        saved = self._saved_items()
        if not len(saved):
            return None
        outvoted = saved[self._votes()[self.posterior.assignment[saved]].any(axis=1)]
        saved = outvoted if len(outvoted) else saved
        share = self._soft_shares(saved)[np.arange(len(saved)), self.dataset.labels[saved]]
        return int(saved[share.argmax()])

    def saved(self) -> Saved:
        """Return why hard decoding misses what soft decoding gets right."""
        items = self._saved_items()
        votes = self._votes()[self.posterior.assignment[items]]
        most = votes.max(axis=1)
        tied = (most > 0) & (votes[np.arange(len(items)), self.dataset.labels[items]] == most)
        return Saved(int((most == 0).sum()), int(tied.sum()), int(((most > 0) & ~tied).sum()))

    def _saved_items(self) -> Int[np.ndarray, " i"]:
        truth = self.dataset.labels
        return np.flatnonzero(self.scored & (self.hard != truth) & (self.soft == truth))

    def _votes(self) -> Int[np.ndarray, "k l"]:
        """Labels of each class in each cluster."""
        labeled = np.flatnonzero(self.given >= 0)
        return self.posterior.votes(labeled, self.given[labeled], self.dataset.n_classes)

    def explain(self, item: int) -> Explanation:
        """Return what the item's clusters say about it."""
        truth, q = self.dataset.labels, self.posterior.q
        mass = self._class_mass()
        clusters = []
        for component in np.argsort(-q[item])[:_TOP]:
            of_cluster = mass[:, component] / max(mass[:, component].sum(), np.finfo(float).tiny)
            clusters.append(Evidence(int(component), float(q[item, component]), _largest(of_cluster)))
        return Explanation(
            item=item,
            truth=int(truth[item]),
            hard=int(self.hard[item]),
            soft=int(self.soft[item]),
            clusters=tuple(clusters),
            scores=_largest(self._soft_shares(np.array([item]))[0]),
            saved=self.saved(),
            n_lost=int((self.scored & (self.hard == truth) & (self.soft != truth)).sum()),
        )

    def _soft_shares(self, items: Int[np.ndarray, " i"]) -> Float[np.ndarray, "i l"]:
        proba: Float[np.ndarray, "i l"] = (
            SoftDecoder(self.dataset.n_classes).fit(self.posterior, self.given).predict_proba(self.posterior.q[items])
        )
        return proba

    def _class_mass(self) -> Float[np.ndarray, "l k"]:
        """Posterior mass that the labelled items of each class put on each cluster."""
        labeled = np.flatnonzero(self.given >= 0)
        mass = np.zeros((self.dataset.n_classes, self.posterior.q.shape[1]))
        np.add.at(mass, self.given[labeled], self.posterior.q[labeled])
        return mass


def summarise_clusters(assignment: Int[np.ndarray, " n"], dataset: Dataset, n_components: int) -> tuple[ClusterSummary, ...]:
    """Return every cluster's size, commonest class and purity, the largest cluster first."""
    known = dataset.known
    counts = np.zeros((n_components, dataset.n_classes), np.int64)
    np.add.at(counts, (assignment[known], dataset.labels[known]), 1)
    sizes = np.bincount(assignment, minlength=n_components)
    summaries = []
    for component in np.argsort(-sizes, kind="stable"):
        total = counts[component].sum()
        best = int(counts[component].argmax()) if total else None
        purity = float(counts[component].max() / total) if total else 0.0
        summaries.append(ClusterSummary(int(component), int(sizes[component]), best, purity))
    return tuple(summaries)


def imagine(model: GaussianMixtureVAE, components: Sequence[int], n_samples: int, seed: int = 0) -> Float[np.ndarray, "c s d"]:
    """Return what a model imagines in each component, as values of the data: E[x|z] at its mean first, then at samples."""
    chosen = torch.tensor(list(components), device=model.device)
    generator = torch.Generator(model.device).manual_seed(seed)
    means = model.decode(model.prior.means[chosen])
    samples = [model.sample(chosen, generator) for _ in range(n_samples)]
    pictures: Float[np.ndarray, "c s d"] = torch.stack([means, *samples], dim=1).cpu().numpy()
    return pictures


def latent_map(
    latent: Float[np.ndarray, "n z"], n_items: int, seed: int = 0
) -> tuple[Int[np.ndarray, " i"], Float[np.ndarray, "i 2"]]:
    """Return some items and their positions on a map of latent means (t-SNE, van der Maaten & Hinton 2008)."""
    items = np.sort(np.random.default_rng(seed).permutation(len(latent))[:n_items])
    perplexity = min(30.0, (len(items) - 1) / 3)
    # A second, empty dimension beside a single one changes no distance.
    points = np.pad(latent[items].astype(np.float32), ((0, 0), (0, max(0, 2 - latent.shape[1]))))
    positions = TSNE(2, perplexity=perplexity, init="pca", max_iter=500, random_state=seed).fit_transform(points)
    return items, positions


def _largest(shares: Float[np.ndarray, " l"], n: int = 3) -> tuple[tuple[int, float], ...]:
    order = np.argsort(-shares, kind="stable")[:n]
    return tuple((int(code), float(shares[code])) for code in order if shares[code] > 0)
