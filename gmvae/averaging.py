"""The running mean of a model's weights, which becomes the trained model."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential running mean of a model's weights (Polyak & Juditsky 1992), short at first and longer as training goes on.

    Each step calls `advance`, which no graph records, and then `update`, which on a GPU reads the weight from a tensor.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._weights = _floats(model)
        on_gpu = self._weights[0].device.type == "cuda"
        self._newest: float = 1.0
        self._newest_there = torch.ones((), device=self._weights[0].device) if on_gpu else None
        self.means: list[Tensor] = []
        self.restart()

    def restart(self) -> None:
        """Forget everything before now."""
        self.updates = 0
        if self.means:
            # In place: a recorded step knows where they lie.
            torch._foreach_copy_(self.means, self._weights)
        elif self._decay:
            self.means = [weight.clone() for weight in self._weights]

    def advance(self) -> None:
        """Set how much the weights of the next `update` count."""
        if self._decay:
            self._newest = 1 - min(self._decay, (1 + self.updates) / (10 + self.updates))
            self.updates += 1
            if self._newest_there is not None:
                self._newest_there.fill_(self._newest)

    def update(self) -> None:
        """Take the present weights in."""
        if not self.means:
            return
        if self._newest_there is None:
            torch._foreach_lerp_(self.means, self._weights, self._newest)
        else:
            change = torch._foreach_sub(self._weights, self.means)
            torch._foreach_mul_(change, self._newest_there)
            torch._foreach_add_(self.means, change)

    def write_to(self, model: nn.Module, choose: Callable[[Tensor, Tensor], Tensor] = lambda mean, _: mean) -> None:
        """Give a model of the same form the mean, where one is kept; `choose` finds what is meant for each of its weights."""
        for weight, mean in zip(_floats(model), self.means, strict=False):
            weight.copy_(choose(mean, weight))


def _floats(model: nn.Module) -> list[Tensor]:
    # Running statistics of normalising layers are averaged with the weights that they belong to.
    return [tensor.detach() for tensor in model.state_dict().values() if tensor.is_floating_point()]
