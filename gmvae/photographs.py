"""Random views of a photograph that keep what it shows: mirrored, cropped, lighter or darker, grainy, with a part covered."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gmvae.noise import Source, normal, uniform

# At strength 1: largest share of height and width that a crop leaves out, deviation of the logarithm of its aspect, deviations of
# the logarithm of the light and of the grain in shares of the range of values, largest side of the covered square.
_CROP, _ASPECT = 0.18, 0.05
_LIGHT, _GRAIN = 0.15, 0.025
_COVER = 0.25


def along_first(number: float | Tensor, n_axes: int) -> float | Tensor:
    """Return one number, or one for each entry of the first of so many axes, so that it multiplies what has these axes."""
    return number.view(-1, *(1,) * (n_axes - 1)) if isinstance(number, Tensor) else number


def at_most_one(number: float | Tensor) -> float | Tensor:
    """Return numbers, those above 1 as 1."""
    return number.clamp(max=1.0) if isinstance(number, Tensor) else min(1.0, number)


def photograph_views(
    x: Float[Tensor, "*m n d"], image_shape: tuple[int, ...], strength: float | Tensor, generator: Source
) -> Float[Tensor, "*m n d"]:
    """Return one random view of every image; its values stay in the range of all.

    Mirrored half of the time, a random crop stretched to the whole, brightness, Gaussian noise, and a square filled with the
    image's mean: the views of SimCLR (Chen et al. 2020), milder and without colours, and Cutout (DeVries & Taylor 2017).
    """
    height, width, *colors = image_shape
    items = x.shape[:-1]
    if isinstance(strength, Tensor):
        # Of each image instead of each model.
        strength = strength.repeat_interleave(items[-1], output_size=items.numel())
    # Each model's batch has a range of its own.
    low, high = (end[..., None].expand(items).reshape(-1, 1, 1, 1) for end in (x.amin((-2, -1)), x.amax((-2, -1))))
    images = x.reshape(-1, height, width, *(colors or [1])).permute(0, 3, 1, 2)
    images = _cropped(images, items, strength, generator)
    light = torch.exp(_LIGHT * along_first(strength, 4) * normal(generator, items, images).view(-1, 1, 1, 1))
    grain = normal(generator, (*items, *images.shape[1:]), images).view(images.shape)
    images = low + (images - low) * light + _GRAIN * along_first(strength, 4) * (high - low) * grain
    covered = _covered(images, items, strength, generator)
    images = torch.where(covered, images.mean(dim=(2, 3), keepdim=True), images)
    return torch.clamp(images, low, high).permute(0, 2, 3, 1).reshape(x.shape)


def _cropped(
    images: Float[Tensor, "b c h w"], items: torch.Size, strength: float | Tensor, generator: Source
) -> Float[Tensor, "b c h w"]:
    """Cut a random part out of each image, or out of its mirror image, and stretch it to the whole."""
    smaller, to_right, to_bottom, mirrored = _drawn(4, images, items, generator)
    aspect = torch.exp(_ASPECT * strength * normal(generator, items, images).flatten())
    side = 1 - at_most_one(strength) * _CROP * smaller
    mirror = 1 - 2 * (mirrored < 0.5).to(images.dtype)
    field = images.new_zeros(len(images), 2, 3)
    field[:, 0, 0], field[:, 1, 1] = side * aspect * mirror, side / aspect
    field[:, 0, 2], field[:, 1, 2] = (2 * to_right - 1) * (1 - side), (2 * to_bottom - 1) * (1 - side)
    grid = functional.affine_grid(field, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False, padding_mode="border")


def _covered(images: Float[Tensor, "b c h w"], items: torch.Size, strength: float | Tensor, generator: Source) -> Tensor:
    """Return the pixels of a random square in each image."""
    height, width = images.shape[2:]
    at_x, at_y, size = (drawn.view(-1, 1, 1, 1) for drawn in _drawn(3, images, items, generator))
    half = 0.5 * _COVER * along_first(at_most_one(strength), 4) * size
    across, down = (
        (torch.arange(length, device=images.device) + 0.5).div(length).view(shape)
        for length, shape in ((width, (1, width)), (height, (height, 1)))
    )
    inside: Tensor = ((across - at_x).abs() < half) & ((down - at_y).abs() < half)
    return inside


def _drawn(n_numbers: int, like: Tensor, items: torch.Size, generator: Source) -> list[Tensor]:
    """Draw some uniform numbers for each item; return each of them for all items of all models (b,)."""
    *models, n = items
    return [drawn.flatten() for drawn in uniform(generator, (*models, n_numbers, n), like).unbind(-2)]
