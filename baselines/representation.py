"""Label-free representations of a pool, computed once and shared by every budget: principal components, k-means, mixtures.

Each is fitted on the pool, and then represents any items; new ones never influence the fit.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from baselines.base import to_float

N_COMPONENTS_PCA = 40
# Of vectors that a pretrained model made; their directions lie in more dimensions.
N_COMPONENTS_EMBEDDING = 128
# Rows to fit principal components on; far fewer would settle their directions.
_PCA_ROWS = 20_000
_CHUNK = 16_384
# Features that do not vary keep their scale.
_NO_SPREAD = 1e-12


@dataclass(frozen=True, eq=False)
class Components:
    """Projects items on the leading principal components of a pool."""

    model: PCA

    @property
    def mean(self) -> Float[np.ndarray, " d"]:
        """Of the items that it was fitted on; they are bytes divided by 255, or values as they are."""
        return np.asarray(self.model.mean_, np.float32)

    @property
    def axes(self) -> Float[np.ndarray, "p d"]:
        """The components."""
        return np.asarray(self.model.components_, np.float32)

    def __call__(self, x: np.ndarray) -> Float[np.ndarray, "n p"]:
        """Return the components of items, float32."""
        parts = [self.model.transform(to_float(x[start : start + _CHUNK])) for start in range(0, len(x), _CHUNK)]
        return np.concatenate(parts).astype(np.float32, copy=False)


def fit_components(pool: np.ndarray, random_state: int = 0, n_components: int = N_COMPONENTS_PCA) -> Components:
    """Return what projects items on the leading principal components of the pool."""
    rows = np.random.default_rng(random_state).permutation(len(pool))[:_PCA_ROWS]
    sample = to_float(pool[np.sort(rows)])
    model = PCA(
        min(n_components, *sample.shape),
        svd_solver="covariance_eigh" if sample.shape[1] <= 2_000 else "randomized",
        random_state=random_state,
    )
    return Components(model.fit(sample))


def unit_scale(pool: Float[np.ndarray, "n d"]) -> np.float32:
    """Return the factor that gives the pool a total variance of 1."""
    return np.float32(1 / max(np.sqrt(pool.var(axis=0).sum()), _NO_SPREAD))


@dataclass(frozen=True, eq=False)
class KMeansClusters:
    """q(c|x) of k-means read as the mixture whose limit it is: equal spherical Gaussians around the centres."""

    model: KMeans
    variance: float
    """The mean squared distance to the nearest centre, per dimension."""

    def __call__(self, x: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n k"]:
        """Return q(c|x), float32."""
        logits: np.ndarray = -0.5 * self.model.transform(x).astype(np.float32) ** 2 / np.float32(self.variance)
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits


def fit_kmeans(pool: Float[np.ndarray, "n p"], n_clusters: int, random_state: int) -> KMeansClusters:
    """Return the clusters that k-means finds in a pool."""
    with warnings.catch_warnings():
        # Items that occur again and again may be fewer different ones than clusters: some stay empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(n_clusters, n_init=1, random_state=random_state).fit(pool)
    return KMeansClusters(model, max(model.inertia_ / pool.size, np.finfo(np.float32).tiny))


@dataclass(frozen=True, eq=False)
class MixtureClusters:
    """q(c|x) of a Gaussian mixture with diagonal covariances."""

    model: GaussianMixture

    def __call__(self, x: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n k"]:
        """Return q(c|x), float32."""
        proba: np.ndarray = self.model.predict_proba(x).astype(np.float32)
        return proba


def fit_mixture(pool: Float[np.ndarray, "n p"], n_clusters: int, random_state: int) -> MixtureClusters:
    """Return a mixture fitted to a pool, started from k-means."""
    model = GaussianMixture(n_clusters, covariance_type="diag", reg_covar=1e-4, random_state=random_state)
    with warnings.catch_warnings():
        # 100 rounds of EM are enough for a baseline; the last rounds barely move the responsibilities.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MixtureClusters(model.fit(pool))
