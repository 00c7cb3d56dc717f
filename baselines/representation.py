"""Label-free representations of a pool, computed once and shared by every budget: principal components, k-means, mixtures.

Each takes the pool and, if given, new items, and represents both; new items never influence the fit.
"""

import warnings
from collections.abc import Callable

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

Pair = tuple[np.ndarray, np.ndarray | None]


def principal_components(
    pool: np.ndarray, test: np.ndarray | None = None, random_state: int = 0, n_components: int = N_COMPONENTS_PCA
) -> Pair:
    """Return the leading principal components of the pool (n, at most `n_components`), float32."""
    project = fit_components(pool, random_state, n_components)
    return project(pool), None if test is None else project(test)


def fit_components(
    pool: np.ndarray, random_state: int = 0, n_components: int = N_COMPONENTS_PCA
) -> Callable[[np.ndarray], Float[np.ndarray, "n p"]]:
    """Return what projects items on the leading principal components of the pool."""
    rows = np.random.default_rng(random_state).permutation(len(pool))[:_PCA_ROWS]
    sample = to_float(pool[np.sort(rows)])
    model = PCA(
        min(n_components, *sample.shape),
        svd_solver="covariance_eigh" if sample.shape[1] <= 2_000 else "randomized",
        random_state=random_state,
    )
    model.fit(sample)

    def project(x: np.ndarray) -> Float[np.ndarray, "n p"]:
        parts = [model.transform(to_float(x[start : start + _CHUNK])) for start in range(0, len(x), _CHUNK)]
        return np.concatenate(parts).astype(np.float32, copy=False)

    return project


def unit_scale(pool: Float[np.ndarray, "n d"]) -> np.float32:
    """Return the factor that gives the pool a total variance of 1."""
    return np.float32(1 / max(np.sqrt(pool.var(axis=0).sum()), _NO_SPREAD))


def kmeans_posterior(
    pool: Float[np.ndarray, "n p"], test: Float[np.ndarray, "m p"] | None, n_clusters: int, random_state: int
) -> Pair:
    """Return q(c|x) of k-means read as the mixture whose limit it is: equal spherical Gaussians around the centres.

    Their variance is the mean squared distance to the nearest centre per dimension.
    """
    model = KMeans(n_clusters, n_init=1, random_state=random_state).fit(pool)
    variance = max(model.inertia_ / pool.size, np.finfo(np.float32).tiny)

    def responsibilities(x: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n k"]:
        logits: np.ndarray = -0.5 * model.transform(x).astype(np.float32) ** 2 / np.float32(variance)
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    return responsibilities(pool), None if test is None else responsibilities(test)


def mixture_posterior(
    pool: Float[np.ndarray, "n p"], test: Float[np.ndarray, "m p"] | None, n_clusters: int, random_state: int
) -> Pair:
    """Return q(c|x) of a Gaussian mixture with diagonal covariances, started from k-means, float32."""
    model = GaussianMixture(n_clusters, covariance_type="diag", reg_covar=1e-4, random_state=random_state)
    with warnings.catch_warnings():
        # 100 rounds of EM are enough for a baseline; the last rounds barely move the responsibilities.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(pool)
    return model.predict_proba(pool).astype(np.float32), None if test is None else model.predict_proba(test).astype(np.float32)
