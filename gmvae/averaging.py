"""The running mean of a model's weights, which becomes the trained model."""

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential running mean of a model's weights (Polyak & Juditsky 1992), short at first and longer as training goes on."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._weights = _floats(model)
        self.restart()

    def restart(self) -> None:
        """Forget everything before now."""
        self.updates = 0
        self.means = [weight.clone() for weight in self._weights] if self._decay else []

    def restore(self, means: list[Tensor], updates: int) -> None:
        """Go on from a mean that was taken earlier."""
        self.means = [mean.to(weight.device, copy=True) for mean, weight in zip(means, self._weights, strict=False)]
        self.updates = updates

    def update(self) -> None:
        """Take the present weights in."""
        if self._decay:
            decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
            torch._foreach_lerp_(self.means, self._weights, 1 - decay)
            self.updates += 1

    def write_to(self, model: nn.Module) -> None:
        """Give another model of the same shape the mean, where one is kept."""
        for weight, mean in zip(_floats(model), self.means, strict=False):
            weight.copy_(mean)


def _floats(model: nn.Module) -> list[Tensor]:
    # Running statistics of normalising layers are averaged with the weights that they belong to.
    return [tensor.detach() for tensor in model.state_dict().values() if tensor.is_floating_point()]
