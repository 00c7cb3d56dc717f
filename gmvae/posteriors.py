"""Batched passes of a trained model over data: q(c|x), latent means, bounds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from gmvae.devices import as_tensor
from gmvae.model import GaussianMixtureVAE
from gmvae.objectives import OBJECTIVES

_BATCH = 2048
# The exact objective holds K decoder activations per item at once, so that its batches must be smaller.
_BATCH_STRUCTURED = 64


@dataclass(frozen=True)
class Encoded:
    """What a model makes of n items."""

    posterior: Float[np.ndarray, "n k"]
    """q(c|x), float32; rows sum to 1."""
    latent: Float[np.ndarray, "n z"]
    """Posterior mean of z, float32."""


@torch.no_grad()
def encode(model: GaussianMixtureVAE, data: np.ndarray) -> Encoded:
    """Return q(c|x) and latent means of raw items (n, n_features), in their order."""
    posterior = np.empty((len(data), model.config.n_components), np.float32)
    latent = np.empty((len(data), model.config.latent_dim), np.float32)
    for part, items in _parts(model, data, _BATCH):
        log_q, mean = model.infer(items)
        posterior[part] = log_q.exp().cpu().numpy()
        latent[part] = mean.cpu().numpy()
    return Encoded(posterior, latent)


@torch.no_grad()
def score(model: GaussianMixtureVAE, data: np.ndarray, objective: str, seed: int = 0) -> Float[np.ndarray, " n"]:
    """Return a one-sample estimate of the evidence lower bound of each item, in nats, as the named objective computes it."""
    generator = torch.Generator(model.device).manual_seed(seed)
    bound = np.empty(len(data), np.float32)
    batch = _BATCH_STRUCTURED if model.config.inference == "structured" else _BATCH
    for part, items in _parts(model, data, batch):
        bound[part] = OBJECTIVES[objective].terms(model, model.encode(items), items, generator).elbo.cpu().numpy()
    if model.config.likelihood == "gaussian":
        # Densities are of the data as given, not of the standardised data.
        bound -= float(model.get_buffer("scale").log().sum())
    return bound


def _parts(model: GaussianMixtureVAE, data: np.ndarray, batch: int) -> Iterator[tuple[slice, torch.Tensor]]:
    for start in range(0, len(data), batch):
        part = slice(start, start + batch)
        yield part, model.standardise(as_tensor(data[part]).to(model.device))
