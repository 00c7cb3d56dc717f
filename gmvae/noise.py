"""Standard normal noise: new for every item, or the same for all of them."""

import torch
from torch import Tensor

Noise = torch.Generator | Tensor
"""A source of new noise, or the noise of one item, which all items share: then what an item gets depends on no other item."""


def standard_normal(like: Tensor, noise: Noise) -> Tensor:
    """Return noise of the shape, type and device of `like`, whose first axis are items."""
    if isinstance(noise, Tensor):
        return noise.to(like).expand(like.shape)
    return torch.randn(like.shape, generator=noise, device=like.device, dtype=like.dtype)
