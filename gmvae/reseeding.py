"""Giving components that died a new place: in the largest one, which two then share."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gmvae.model import GaussianMixtureVAE
from gmvae.networks import StructuredEncoder

# A component counts as live when at least this share of an even part of the data is assigned to it.
LIVE_SHARE = 0.1
# How far the newcomer stands from the component it splits, in the deviations of that component.
_OFFSET = 0.5


@torch.no_grad()
def reseed(model: GaussianMixtureVAE, counts: Float[Tensor, " k"], generator: torch.Generator) -> dict[int, int]:
    """Move every dead component into the largest one of the time; return which (dead) went into which.

    The newcomer takes the prior of the component it splits, its mean shifted by half a deviation up or down in every dimension,
    and, with a head per component, that component's head. Both then count half of its items (after ISODATA, Ball & Hall 1965).
    """
    left = counts.cpu().double()
    even_share = float(left.sum()) / len(left)
    moves: dict[int, int] = {}
    for dead in torch.nonzero(left < LIVE_SHARE * even_share).flatten().tolist():
        largest = int(left.argmax())
        left[dead] = left[largest] = left[largest] / 2
        moves[dead] = largest
        _split(model, largest, dead, generator)
    return moves


def _split(model: GaussianMixtureVAE, source: int, target: int, generator: torch.Generator) -> None:
    prior = model.prior
    deviation = torch.exp(0.5 * prior.log_vars[source])
    direction = torch.randn(deviation.shape, generator=generator, device=deviation.device, dtype=deviation.dtype).sign()
    prior.means[target] = prior.means[source] + _OFFSET * deviation * direction
    prior.log_vars[target] = prior.log_vars[source]
    if isinstance(model.encoder, StructuredEncoder):
        for head in (model.encoder.component_logits, model.encoder.mean, model.encoder.log_var):
            _copy_head(head, source, target, model.config.n_components)


def _copy_head(head: nn.Linear, source: int, target: int, n_components: int) -> None:
    for parameter in (head.weight, head.bias):
        per_component = parameter.view(n_components, -1)
        per_component[target] = per_component[source]
