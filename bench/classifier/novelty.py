"""How unlike the training data an item is: its distance to the nearest of them, beside the distances that they have themselves.

The p-value of an item is the share of training items that lie as far from their nearest neighbour as it does from its own, as in
conformal prediction with distances left one out (Laxhammar & Falkman 2010): small for what the training data do not hold.
"""

from typing import Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bench.classifier.distances import nearest_distances
from bench.classifier.parts import Part
from bench.classifier.sight import Sight

# Training items that new ones are compared with; more take longer, and the p-values are of steps of a five-thousandth already.
N_REFERENCE = 5_000
_BLOCK = 1_000


class Distance(Part):
    """Distance to the nearest of some training items, in the latents beside the principal components."""

    look: Part
    points: Tensor
    distances: Tensor
    """Of each of them to the nearest other one, rising."""

    @classmethod
    def fitted(cls, look: Part, points: Float[np.ndarray, "n d"], seed: int = 0) -> Self:
        """Return it for a pool, of which some items are drawn."""
        some = np.sort(np.random.default_rng(seed).permutation(len(points))[:N_REFERENCE])
        kept = torch.as_tensor(points[some])
        blocks = [
            nearest_distances(block, kept, own=torch.arange(start, start + len(block)))
            for start, block in zip(range(0, len(kept), _BLOCK), kept.split(_BLOCK), strict=True)
        ]
        return cls(look=look, points=kept, distances=torch.cat(blocks).sort().values)

    def forward(self, sight: Sight) -> Float[Tensor, " n"]:
        """Return p-values."""
        apart = nearest_distances(sight.by(self.look), self.points)
        if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
            # ONNX knows no binary search.
            as_far = (self.distances >= apart.unsqueeze(1)).sum(dim=1)
        else:
            as_far = len(self.distances) - torch.searchsorted(self.distances, apart)
        return (1 + as_far).to(torch.float32) / (1 + len(self.distances))
