"""One decode per item: a shared q(z|x), the mixture prior summed in closed form, q(c|x) by Bayes' rule."""

import torch
from jaxtyping import Float
from torch import Tensor

from gmvae.losses import categorical_kl, gaussian_entropy
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import Encoding
from gmvae.noise import Noise, standard_normal


def bayes_terms(model: GaussianMixtureVAE, encoding: Encoding, target: Float[Tensor, "*m n d"], generator: Noise) -> ElboTerms:
    """Log p(x|z) - sum_c q(c|x) KL(q(z|x) || p(z|c)) - KL(q(c|x) || p(c)), with z ~ q(z|x).

    For a factorised q(z|x) q(c|x) the bound is largest at q(c|x) = softmax_c(log p(c) + E_q(z|x)[log p(z|c)]), which is
    used here (VaDE, Jiang et al. 2017, sec. 3.3, with the expectation over z in closed form instead of one sample). The two
    divergences then sum to -H[q(z|x)] - logsumexp_c(log p(c) + E_q(z|x)[log p(z|c)]). Costs one decode per item, whatever K.
    """
    mean, log_var = encoding.mean, encoding.log_var
    log_joint = model.component_logits(encoding)
    log_q = torch.log_softmax(log_joint, dim=-1)
    z = mean + standard_normal(mean, generator) * torch.exp(0.5 * log_var)
    kl_c = categorical_kl(log_q, model.prior.log_weights[..., None, :])
    both = -gaussian_entropy(log_var) - torch.logsumexp(log_joint, dim=-1)
    return ElboTerms(reconstruction=model.log_likelihood(target, z), kl_z=both - kl_c, kl_c=kl_c, log_q=log_q)
