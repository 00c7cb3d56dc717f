"""Random numbers: of one model or of several side by side, each with a stream of its own; and noise that all items share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Streams:
    """The random numbers of several models, drawn side by side.

    Each has a generator, and so gets what it would get alone. Whatever is drawn has an axis of models in front.
    """

    generators: Sequence[torch.Generator]


Source = torch.Generator | Streams
"""Where new random numbers come from."""
Noise = Source | Tensor
"""A source of new noise, or the noise of one item, which all items share: then what an item gets depends on no other item."""


def normal(source: Source, shape: Sequence[int], like: Tensor) -> Tensor:
    """Return standard normal numbers of the type and device of `like`."""
    return _fill(like.new_empty(shape), source, lambda part, generator: part.normal_(generator=generator))


def uniform(source: Source, shape: Sequence[int], like: Tensor) -> Tensor:
    """Return numbers from [0, 1) of the type and device of `like`."""
    return _fill(like.new_empty(shape), source, lambda part, generator: part.uniform_(generator=generator))


def exponential(source: Source, like: Tensor) -> Tensor:
    """Return standard exponential numbers of the shape, type and device of `like`."""
    return _fill(torch.empty_like(like), source, lambda part, generator: part.exponential_(generator=generator))


def integers(source: Source, high: int, shape: Sequence[int], device: torch.device) -> Tensor:
    """Return whole numbers from 0 to `high` - 1."""
    out = torch.empty(shape, dtype=torch.int64, device=device)
    return _fill(out, source, lambda part, generator: part.random_(0, high, generator=generator))


def orders(source: Source, n: int, device: torch.device) -> Tensor:
    """Return the numbers 0 to `n` - 1 in random order: (n,), or a row for each of several models."""
    if isinstance(source, Streams):
        return torch.stack([orders(generator, n, device) for generator in source.generators])
    return torch.randperm(n, generator=source, device=device)


def standard_normal(like: Tensor, noise: Noise) -> Tensor:
    """Return noise of the shape, type and device of `like`, whose first axis are items, or models before items."""
    if isinstance(noise, Tensor):
        return noise.to(like).expand(like.shape)
    return normal(noise, like.shape, like)


def _fill(out: Tensor, source: Source, draw: Callable[[Tensor, torch.Generator], Tensor]) -> Tensor:
    if isinstance(source, Streams):
        for part, generator in zip(out, source.generators, strict=True):
            draw(part, generator)
        return out
    return draw(out, source)
