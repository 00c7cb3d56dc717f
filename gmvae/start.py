"""Placing the components at the clusters of a briefly trained model's latent means."""

import numpy as np
import torch
from torch import Tensor

from gmvae.errors import TrainingDivergedError
from gmvae.model import GaussianMixtureVAE
from gmvae.quiet import fitted_quietly

# Items that k-means sees; its centres are starting points only.
_MAX_ITEMS = 20_000
_BATCH = 2048
# Added to each cluster's variance, so that a tight or tiny cluster does not start as a spike.
_MIN_VARIANCE = 0.02


@torch.no_grad()
def start_at_clusters(model: GaussianMixtureVAE, items: Tensor, generator: torch.Generator) -> None:
    """Set means and variances of the components to those of k-means clusters of latent means (VaDE, sec. 4, starts alike).

    Raises
    ------
    TrainingDivergedError
        If a latent mean is not finite.
    """
    model.eval()
    sample = torch.randperm(len(items), generator=generator, device=items.device)[:_MAX_ITEMS]
    latent = np.concatenate([model.infer(model.standardise(items[part]))[1].cpu().numpy() for part in sample.split(_BATCH)])
    model.train()
    if not np.isfinite(latent).all():
        raise TrainingDivergedError("latent means are not finite at the end of the warm-up; lower the learning rate")
    k = model.config.n_components
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator, device=items.device))
    # Loaded where a training begins: who only reads a model should not wait a second for it.
    from sklearn.cluster import KMeans

    clusters = fitted_quietly(KMeans(min(k, len(latent)), n_init=1, random_state=seed), latent)
    spread = latent.var(axis=0)
    variance = np.stack([_variance(latent[clusters.labels_ == label], spread) for label in range(len(clusters.cluster_centers_))])
    prior = model.prior
    prior.means[: len(variance)].copy_(torch.from_numpy(clusters.cluster_centers_))
    prior.log_vars[: len(variance)].copy_(torch.from_numpy(np.log(variance + _MIN_VARIANCE)))


def _variance(members: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Per-dimension variance of a cluster; of a few items, a share of the whole's."""
    return members.var(axis=0) if len(members) > 5 else 0.3 * spread
