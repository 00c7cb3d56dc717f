"""Random views of an item that keep what it means: warped or photographed images, vectors with swapped values."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gmvae.config import Views
from gmvae.noise import Source, integers, normal, uniform
from gmvae.photographs import along_first, at_most_one, photograph_views

# Standard deviations at strength 1. Lengths are in half image widths, so that they mean the same at any resolution.
_ROTATION = 0.12
_SHEAR = 0.12
_LOG_SCALE = 0.07
_SHIFT = 0.05
_ELASTIC = 0.06
# Share of a vector's values that are replaced by another item's, or share of the way that a short vector goes to another item.
_SWAP = 0.2
# Of three values two are left when one is swapped, and may tell what it was. Of fewer, no majority is left: such a view is either
# the item itself or says as much of another one. A move is the same change in the mean, but never a leap.
_FEW_VALUES = 2
# Elastic displacement is a sum of smooth bumps on a coarse grid over the image.
_BUMPS, _BUMP_REACH, _BUMP_WIDTH = 4, 0.8, 0.35


class Augmentation(nn.Module):
    """Draws views of items.

    Images are warped by x -> A x + t + u(x): a random rotation, shear, scale and shift, and an elastic displacement u that is a
    random sum of 4 x 4 Gaussian bumps (after Simard et al. 2003). The whole field is one matrix product of random coefficients
    with a fixed basis. Of a vector's values some are swapped for those of other items of the batch, feature by feature, whatever
    their units (SCARF, Bahri et al. 2022). A vector of one or two values goes that share of the way to one other item instead (as
    in mixup, Zhang et al. 2018).

    Parameters
    ----------
    image_shape
        Height and width, and the number of colours if there are several; `None` for vectors.
    strength
        Multiplies every standard deviation, and the share of swapped values or of the way; 0 returns items as they are. One for
        all, or one above 0 for each of several models (m,).
    views
        Of images: `warp` as above, for what is written or drawn; `photo`: `gmvae.photographs`. Vectors have one kind.
    """

    def __init__(self, image_shape: tuple[int, ...] | None, strength: float | Tensor, views: Views = "warp") -> None:
        super().__init__()
        self.image_shape = image_shape
        self.strength = strength
        self.views = views
        self.basis: Tensor
        if image_shape is not None:
            self.register_buffer("basis", _warp_basis(*image_shape[:2]))

    @torch.no_grad()
    def forward(self, x: Float[Tensor, "*m n d"], generator: Source) -> Float[Tensor, "*m n d"]:
        """Return one random view of every item."""
        if not isinstance(self.strength, Tensor) and self.strength == 0:
            return x
        if self.image_shape is None:
            return self._move(x, generator) if x.shape[-1] <= _FEW_VALUES else self._swap(x, generator)
        if self.views == "photo":
            return photograph_views(x, self.image_shape, self.strength, generator)
        height, width, *colors = self.image_shape
        # The items of all models are warped as one batch.
        field = (self._coefficients(x.shape[:-1], generator).flatten(0, -2) @ self.basis).view(-1, 2, height, width)
        images = x.reshape(-1, height, width, *(colors or [1]))
        warped = functional.grid_sample(images.permute(0, 3, 1, 2), field.permute(0, 2, 3, 1), align_corners=False)
        return warped.permute(0, 2, 3, 1).reshape(x.shape)

    def _strength(self, n_axes: int) -> float | Tensor:
        """Return the strength so that it multiplies what has models, if there are several, along the first of so many axes."""
        return along_first(self.strength, n_axes)

    def _swap(self, x: Float[Tensor, "*m n d"], generator: Source) -> Float[Tensor, "*m n d"]:
        """Replace a random share of the values, each by the same feature of an item of its own."""
        swapped = uniform(generator, x.shape, x) < _SWAP * self._strength(x.ndim)
        others = integers(generator, x.shape[-2], x.shape, x.device)
        return torch.where(swapped, x.gather(-2, others), x)

    def _move(self, x: Float[Tensor, "*m n d"], generator: Source) -> Float[Tensor, "*m n d"]:
        """Go a share of the way to a random item: between two items, so that no value leaves the range of its feature."""
        others = integers(generator, x.shape[-2], x.shape[:-1], x.device)
        share = at_most_one(_SWAP * self._strength(x.ndim))
        return torch.lerp(x, x.gather(-2, others[..., None].expand_as(x)), share)

    def _coefficients(self, items: torch.Size, generator: Source) -> Float[Tensor, "*items 2 b"]:
        """Draw the weights of x, y, 1 and of every bump, for the horizontal and the vertical coordinate."""
        *models, n = items

        def draw(*shape: int, deviation: float) -> Tensor:
            drawn = normal(generator, (*models, *shape), self.basis)
            return deviation * self._strength(drawn.ndim) * drawn

        angle, shear = draw(n, deviation=_ROTATION), draw(n, deviation=_SHEAR)
        wide, high = draw(2, n, deviation=_LOG_SCALE).exp().unbind(-2)
        cos, sin = angle.cos(), angle.sin()
        horizontal = torch.stack([wide * cos, wide * (shear * cos - sin)], dim=-1)
        vertical = torch.stack([high * sin, high * (shear * sin + cos)], dim=-1)
        linear = torch.stack([horizontal, vertical], dim=-2)
        return torch.cat([linear, draw(n, 2, 1, deviation=_SHIFT), draw(n, 2, _BUMPS**2, deviation=_ELASTIC)], dim=-1)


def _warp_basis(height: int, width: int) -> Float[Tensor, "b hw"]:
    """Rows x, y, 1 and the bumps, over the pixels of an image; coordinates run from -1 to 1."""
    y, x = torch.meshgrid(_centres(height), _centres(width), indexing="ij")
    x, y = x.flatten(), y.flatten()
    grid = torch.linspace(-_BUMP_REACH, _BUMP_REACH, _BUMPS)
    at_y, at_x = torch.meshgrid(grid, grid, indexing="ij")
    square = (x - at_x.reshape(-1, 1)).square() + (y - at_y.reshape(-1, 1)).square()
    bumps = torch.exp(-square / (2 * _BUMP_WIDTH**2))
    return torch.cat([torch.stack([x, y, torch.ones_like(x)]), bumps])


def _centres(n: int) -> Float[Tensor, " n"]:
    return (torch.arange(n) + 0.5) / n * 2 - 1
