"""Closed forms: Gaussian expectations and divergences, categorical divergence, likelihoods. All in nats."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def gaussian_entropy(log_var: Float[Tensor, "*n z"]) -> Float[Tensor, " *n"]:
    """Entropy of N(., diag exp(log_var)): 0.5 sum (1 + log 2 pi + log_var)."""
    return 0.5 * (1 + LOG_2PI + log_var).sum(-1)


def gaussian_kl(
    mean: Float[Tensor, "*n z"],
    log_var: Float[Tensor, "*n z"],
    prior_mean: Float[Tensor, "*#n z"],
    prior_log_var: Float[Tensor, "*#n z"],
) -> Float[Tensor, " *n"]:
    """KL(N(mean, exp(log_var)) || N(prior_mean, exp(prior_log_var))) of diagonal Gaussians (Kingma & Welling 2014, App. B)."""
    ratio = torch.exp(log_var - prior_log_var)
    shift = (mean - prior_mean).square() * torch.exp(-prior_log_var)
    return 0.5 * (ratio + shift - 1 + prior_log_var - log_var).sum(-1)


def expected_log_gaussians(
    mean: Float[Tensor, "*m n z"],
    log_var: Float[Tensor, "*m n z"],
    prior_means: Float[Tensor, "*m k z"],
    prior_log_vars: Float[Tensor, "*m k z"],
) -> Float[Tensor, "*m n k"]:
    """E_q[log N(z; mu_k, diag var_k)] for z ~ N(mean, diag exp(log_var)), for every k (VaDE, Jiang et al. 2017, eq. 12).

    The square (mean - mu_k)^2 / var_k is expanded so that all n x k values come from two matrix products.
    """
    precision = torch.exp(-prior_log_vars)
    second_moment = mean.square() + torch.exp(log_var)
    square = second_moment @ precision.mT - 2 * mean @ (prior_means * precision).mT
    square = square + (prior_means.square() * precision).sum(-1)[..., None, :]
    return -0.5 * (square + (prior_log_vars + LOG_2PI).sum(-1)[..., None, :])


def categorical_kl(log_q: Float[Tensor, "*n k"], log_p: Float[Tensor, "*#n k"]) -> Float[Tensor, " *n"]:
    """KL(q || p) of categoricals given as log-probabilities; 0 log 0 counts as 0."""
    q = log_q.exp()
    # Filled, not chosen by `where`, whose constant would be copied to a GPU in every step.
    return (q * (log_q - log_p)).masked_fill(q == 0, 0.0).sum(-1)


def bernoulli_log_likelihood(logits: Float[Tensor, "*n d"], x: Float[Tensor, "*#n d"]) -> Float[Tensor, " *n"]:
    """Sum over features of x log p + (1 - x) log(1 - p); x may be any value in [0, 1], as in the paper."""
    # log(1 + e^t) = max(t, 0) - log sigmoid(|t|), in operations that are vectorised on CPU: torch's softplus takes twice as long.
    return (x * logits - logits.relu() + logits.abs().sigmoid().log()).sum(-1)


def gaussian_log_likelihood(
    mean: Float[Tensor, "*n d"], log_var: Float[Tensor, "*#n d"], x: Float[Tensor, "*#n d"]
) -> Float[Tensor, " *n"]:
    """Log-density of N(mean, diag exp(log_var)) at x, with one variance per feature."""
    return -0.5 * ((x - mean).square() * torch.exp(-log_var) + log_var + LOG_2PI).sum(-1)
