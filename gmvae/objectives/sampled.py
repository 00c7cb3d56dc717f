"""Sum-and-sample: the likeliest components summed, one of the others drawn; unbiased, and a few decodes instead of K."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gmvae.losses import categorical_kl, gaussian_kl
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import Encoding
from gmvae.noise import Source, exponential, normal

_TINY = 1e-30


def sampled_terms(
    model: GaussianMixtureVAE,
    encoding: Encoding,
    target: Float[Tensor, "*m n d"],
    generator: Source,
    *,
    summed_components: int,
) -> ElboTerms:
    """Return an unbiased estimate of `exact_terms`, value and gradient (Liu et al. 2019, Rao-Blackwellized gradients, eq. 5).

    Only the expected reconstruction sum_c q_c R_c, R_c = log p(x|z_c), needs decoding; both divergences are summed over all K in
    closed form. Its m likeliest components S are summed, one c' is drawn from the others by q_c' / r, r their total:

        sum_{c in S} q_c R_c  +  r R_c'

    The gradient of the drawn part adds r (R_c' - b) grad log q_c' + b grad r, whose mean is sum_{c not in S} R_c grad q_c for any
    b that does not depend on c'; b is the mean of R over S, which leaves little variance where components explain an item about
    alike. Costs m + 1 decodes per item, and the encoder's K heads.
    """
    means, log_vars = encoding.mean, encoding.log_var
    k = means.shape[-2]
    log_q = torch.log_softmax(model.component_logits(encoding), dim=-1)
    q = log_q.exp()
    chosen = log_q.detach().topk(min(summed_components, k), dim=-1).indices
    if summed_components < k:
        chosen = torch.cat([chosen, _draw_other(q.detach(), chosen, generator)], dim=-1)
    z = _sample(encoding, chosen, generator)
    likelihoods = model.log_likelihood(target.unsqueeze(-2), z)
    top = slice(None, summed_components)
    reconstruction = (q.gather(-1, chosen[..., top]) * likelihoods[..., top]).sum(-1)
    if summed_components < k:
        reconstruction = reconstruction + _drawn_part(q, log_q, chosen, likelihoods)
    kl_z = gaussian_kl(means, log_vars, model.prior.means[..., None, :, :], model.prior.log_vars[..., None, :, :])
    return ElboTerms(
        reconstruction=reconstruction,
        kl_z=(q * kl_z).sum(-1),
        kl_c=categorical_kl(log_q, model.prior.log_weights[..., None, :]),
        log_q=log_q,
    )


def _draw_other(q: Float[Tensor, "*m n k"], summed: Int[Tensor, "*m n s"], generator: Source) -> Int[Tensor, "*m n 1"]:
    """Draw a component that is not summed, by its probability."""
    # Exponential races: k arrives first with probability q_k over the total, and no check stalls a GPU as multinomial's does.
    arrival = exponential(generator, q) / q.clamp_min(_TINY)
    return arrival.scatter(-1, summed, float("inf")).argmin(-1, keepdim=True)


def _sample(encoding: Encoding, components: Int[Tensor, "*m n j"], generator: Source) -> Float[Tensor, "*m n j z"]:
    """Draw z ~ q(z|x,c) for the given components of each item."""
    index = components[..., None].expand(*components.shape, encoding.mean.shape[-1])
    mean, log_var = encoding.mean.gather(-2, index), encoding.log_var.gather(-2, index)
    return mean + normal(generator, mean.shape, mean) * torch.exp(0.5 * log_var)


def _drawn_part(
    q: Float[Tensor, "*m n k"],
    log_q: Float[Tensor, "*m n k"],
    chosen: Int[Tensor, "*m n j"],
    likelihoods: Float[Tensor, "*m n j"],
) -> Float[Tensor, "*m n"]:
    """Return r R_c' with the gradient described above; c' is the last of the chosen."""
    rest = 1 - q.gather(-1, chosen[..., :-1]).sum(-1)
    drawn = likelihoods[..., -1]
    with torch.no_grad():
        weights = q.gather(-1, chosen[..., :-1])
        baseline = (weights * likelihoods[..., :-1]).sum(-1) / weights.sum(-1)
        advantage = rest * (drawn - baseline)
    log_drawn = log_q.gather(-1, chosen[..., -1:]).squeeze(-1)
    score = advantage * (log_drawn - log_drawn.detach()) + baseline * (rest - rest.detach())
    return rest.detach() * drawn + score
