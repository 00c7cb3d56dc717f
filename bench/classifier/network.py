"""The whole way from raw items to class probabilities, cluster and novelty, as one module."""

from functools import cached_property

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bench.classifier.novelty import Distance
from bench.classifier.parts import Part, Parts
from bench.classifier.sight import Sight

# As `bench.stats.calibration.tempered`.
_FLOOR = 1e-6


class Network(Part):
    """Networks that several parts read, a head that names classes, and what tells how unusual an item is."""

    shared: Parts
    """Models and students, by name."""
    head: Part
    model: str
    """The model whose clusters are told."""
    novelty: Distance
    temperature: float

    def forward(self, items: Shaped[Tensor, "n d"]) -> tuple[Float[Tensor, "n l"], Float[Tensor, "n k"], Float[Tensor, " n"]]:
        """Return calibrated class probabilities, q(c|x), and p-values of novelty, of bytes or float32."""
        sight = Sight(items, self.shared)
        warm = sight.by(self.head).clamp(min=_FLOOR) ** (1 / self.temperature)
        return warm / warm.sum(dim=1, keepdim=True), sight.encoded(self.model)[0], sight.by(self.novelty)

    @cached_property
    def n_points(self) -> int:
        """Points that items are compared with, in the part that holds most of them."""
        return max(len(points) for name, points in self.named_buffers() if name.rpartition(".")[2] == "points")

    def run(self, items: Shaped[Tensor, "n d"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what `forward` does, without keeping anything for gradients."""
        with torch.inference_mode():
            result: tuple[Tensor, Tensor, Tensor] = self(items)
            return result
