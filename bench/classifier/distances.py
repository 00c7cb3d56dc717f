"""Distances of new items to points that a classifier holds, in torch: what `baselines.nearest` does for a pool."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def nearest_distances(
    x: Float[Tensor, "n d"], points: Float[Tensor, "m d"], own: Int[Tensor, " n"] | None = None
) -> Float[Tensor, " n"]:
    """Return the distance to the nearest point; `own` are places of points that are the items themselves, and do not count."""
    apart = ranking_distances(x, points)
    if own is not None:
        apart = apart.scatter(1, own.unsqueeze(1), torch.inf)
    near = apart.argmin(dim=1)
    return (x - points[near]).square().sum(dim=1).sqrt()


def nearest(x: Float[Tensor, "n d"], points: Float[Tensor, "m d"], k: int) -> Int[Tensor, "n k"]:
    """Return the places of the nearest points."""
    return ranking_distances(x, points).topk(k, dim=1, largest=False).indices


def ranking_distances(x: Float[Tensor, "n d"], points: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """Return squared distances less the squared length of each item, which is the same for all points."""
    # Far from the origin, squared distances would be small differences of large numbers.
    centre = points.mean(dim=0)
    here, there = x - centre, points - centre
    return there.square().sum(dim=1) - 2 * here @ there.T


def distances_to(x: Float[Tensor, "n d"], points: Float[Tensor, "m d"], near: Int[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Return exact distances to some points: copies of an item are at distance 0."""
    return (x.unsqueeze(1) - points[near]).square().sum(dim=2).sqrt()
