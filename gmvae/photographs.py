"""Random views of a photograph that keep what it shows: mirrored, cropped, lighter or darker, grainy, with a part covered."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

# At strength 1: largest share of height and width that a crop leaves out, deviation of the logarithm of its aspect, deviations of
# the logarithm of the light and of the grain in shares of the range of values, largest side of the covered square.
_CROP, _ASPECT = 0.18, 0.05
_LIGHT, _GRAIN = 0.15, 0.025
_COVER = 0.25


def photograph_views(
    x: Float[Tensor, "n d"], image_shape: tuple[int, ...], strength: float, generator: torch.Generator
) -> Float[Tensor, "n d"]:
    """Return one random view of every image; its values stay in the range of all.

    Mirrored half of the time, a random crop stretched to the whole, brightness, Gaussian noise, and a square filled with the
    image's mean: the views of SimCLR (Chen et al. 2020), milder and without colours, and Cutout (DeVries & Taylor 2017).
    """
    height, width, *colors = image_shape
    low, high = x.min(), x.max()
    images = x.view(len(x), height, width, *(colors or [1])).permute(0, 3, 1, 2)
    images = _cropped(images, strength, generator)
    light = torch.exp(_LIGHT * strength * _normal(images, (len(x), 1, 1, 1), generator))
    images = low + (images - low) * light + _GRAIN * strength * (high - low) * _normal(images, images.shape, generator)
    covered = _covered(images, strength, generator)
    images = torch.where(covered, images.mean(dim=(2, 3), keepdim=True), images)
    return torch.clamp(images, low, high).permute(0, 2, 3, 1).reshape(len(x), -1)


def _cropped(images: Float[Tensor, "n c h w"], strength: float, generator: torch.Generator) -> Float[Tensor, "n c h w"]:
    """Cut a random part out of each image, or out of its mirror image, and stretch it to the whole."""
    n = len(images)
    drawn = torch.rand(4, n, generator=generator, device=images.device)
    aspect = torch.exp(_ASPECT * strength * _normal(images, (n,), generator))
    side = 1 - min(1.0, strength) * _CROP * drawn[0]
    mirror = 1 - 2 * (drawn[3] < 0.5).to(images.dtype)
    field = images.new_zeros(n, 2, 3)
    field[:, 0, 0], field[:, 1, 1] = side * aspect * mirror, side / aspect
    field[:, 0, 2], field[:, 1, 2] = (2 * drawn[1] - 1) * (1 - side), (2 * drawn[2] - 1) * (1 - side)
    grid = functional.affine_grid(field, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False, padding_mode="border")


def _covered(images: Float[Tensor, "n c h w"], strength: float, generator: torch.Generator) -> Tensor:
    """Return the pixels of a random square in each image."""
    n, _, height, width = images.shape
    drawn = torch.rand(3, n, 1, 1, 1, generator=generator, device=images.device)
    half = 0.5 * _COVER * min(1.0, strength) * drawn[2]
    across, down = (
        (torch.arange(size, device=images.device) + 0.5).div(size).view(shape)
        for size, shape in ((width, (1, width)), (height, (height, 1)))
    )
    inside: Tensor = ((across - drawn[0]).abs() < half) & ((down - drawn[1]).abs() < half)
    return inside


def _normal(like: Tensor, shape: tuple[int, ...] | torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)
