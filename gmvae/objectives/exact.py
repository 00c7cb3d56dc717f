"""The paper's objective: the sum over all K components, each decoded for every item."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gmvae.losses import categorical_kl, gaussian_kl
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import Encoding
from gmvae.noise import Noise, standard_normal

# Latent codes decoded at once: 128 items of 100 components fit, and take about 0.3 GB with the paper's decoder.
MAX_ROWS = 16_384


def exact_terms(model: GaussianMixtureVAE, encoding: Encoding, target: Float[Tensor, "*m n d"], generator: Noise) -> ElboTerms:
    """sum_c q(c|x) [ log p(x|z_c) - KL(q(z|x,c) || p(z|c)) ] - KL(q(c|x) || p(c)), with one z_c ~ q(z|x,c) per component.

    Costs K decodes per item: at K = 100 and the paper's sizes 164 M of the 182 M multiply-adds of a forward pass. Where K decodes
    of a batch are too many to hold, they are done a few components at a time and again in the backward pass: a third more
    arithmetic, and the decoder's memory no longer grows with K (that of the K codes of each item does).
    """
    means, log_vars = encoding.mean, encoding.log_var
    log_q = torch.log_softmax(model.component_logits(encoding), dim=-1)
    z = means + standard_normal(means, generator) * torch.exp(0.5 * log_vars)
    q = log_q.exp()
    kl_z = gaussian_kl(means, log_vars, model.prior.means[..., None, :, :], model.prior.log_vars[..., None, :, :])
    return ElboTerms(
        reconstruction=(q * _log_likelihoods(model, target, z)).sum(-1),
        kl_z=(q * kl_z).sum(-1),
        kl_c=categorical_kl(log_q, model.prior.log_weights[..., None, :]),
        log_q=log_q,
    )


def _log_likelihoods(
    model: GaussianMixtureVAE, target: Float[Tensor, "*m n d"], z: Float[Tensor, "*m n k z"]
) -> Float[Tensor, "*m n k"]:
    """Log p(x|z) for every code of every item, in bounded memory per model."""
    items = target.unsqueeze(-2)
    parts = z.split(max(1, MAX_ROWS // z.shape[-3]), dim=-2)
    if len(parts) == 1:
        return model.log_likelihood(items, z)
    if not torch.is_grad_enabled():
        return torch.cat([model.log_likelihood(items, part) for part in parts], dim=-1)
    # The decoder draws nothing, so that its second pass needs no random state of the first.
    redone = [checkpoint(model.log_likelihood, items, part, use_reentrant=False, preserve_rng_state=False) for part in parts]
    return torch.cat(redone, dim=-1)
