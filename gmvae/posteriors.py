"""Batched passes of a trained model over data: q(c|x), latent means, bounds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from gmvae.devices import as_tensor
from gmvae.model import GaussianMixtureVAE
from gmvae.noise import Noise
from gmvae.objectives.bayes import bayes_terms
from gmvae.objectives.exact import exact_terms

_BATCH = 2048
# A network with a head per component returns K means and variances per item, so that its batches must be smaller.
_BATCH_STRUCTURED = 256


@dataclass(frozen=True)
class Encoded:
    """What a model makes of n items."""

    posterior: Float[np.ndarray, "n k"]
    """q(c|x), float32; rows sum to 1."""
    latent: Float[np.ndarray, "n z"]
    """Posterior mean of z, float32."""


@torch.no_grad()
def encode(model: GaussianMixtureVAE, data: np.ndarray, look: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Encoded:
    """Return q(c|x) and latent means of raw items (n, n_features), in their order.

    `look` changes each batch of standardised items before the model sees it, say into random views.
    """
    posterior = np.empty((len(data), model.config.n_components), np.float32)
    latent = np.empty((len(data), model.config.latent_dim), np.float32)
    for part, items in _parts(model, data):
        log_q, mean = model.infer(items if look is None else look(items))
        posterior[part] = log_q.exp().cpu().numpy()
        latent[part] = mean.cpu().numpy()
    return Encoded(posterior, latent)


@torch.no_grad()
def score(model: GaussianMixtureVAE, data: np.ndarray, seed: int = 0) -> Float[np.ndarray, " n"]:
    """Return a one-sample estimate of the evidence lower bound of each item, in nats, all components summed."""
    return _bound(model, data, torch.Generator(model.device).manual_seed(seed))


@torch.no_grad()
def score_each(model: GaussianMixtureVAE, data: np.ndarray, n_draws: int = 4) -> Float[np.ndarray, " n"]:
    """Return the evidence lower bound of each item, in nats, which depends on no other item: all share the same few draws.

    The draws come in opposite pairs, so that what is linear in the noise cancels.
    """
    config = model.config
    shape = (config.n_components, config.latent_dim) if config.inference == "structured" else (config.latent_dim,)
    draws = torch.randn((n_draws, *shape), generator=torch.Generator().manual_seed(0))
    bounds = [_bound(model, data, sign * draw) for draw in draws for sign in (1, -1)]
    return np.asarray(np.mean(bounds, axis=0, dtype=np.float64), np.float32)


def _bound(model: GaussianMixtureVAE, data: np.ndarray, noise: Noise) -> Float[np.ndarray, " n"]:
    bound = np.empty(len(data), np.float32)
    terms = exact_terms if model.config.inference == "structured" else bayes_terms
    for part, items in _parts(model, data):
        bound[part] = terms(model, model.encode(items), items, noise).elbo.cpu().numpy()
    if model.config.likelihood == "gaussian":
        # Densities are of the data as given, not of the standardised data.
        bound -= float(model.get_buffer("scale").log().sum())
    return bound


def _parts(model: GaussianMixtureVAE, data: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
    batch = _BATCH_STRUCTURED if model.config.inference == "structured" else _BATCH
    for start in range(0, len(data), batch):
        part = slice(start, start + batch)
        yield part, model.standardise(as_tensor(data[part]).to(model.device))
