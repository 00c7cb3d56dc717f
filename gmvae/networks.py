"""Networks: multilayer perceptrons and the two inference networks."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers of the given widths with a ReLU after each; `sizes[0]` is the input."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers)


class SharedEncoder(nn.Module):
    """q(z|x) = N(mean, diag exp(log_var)), the same for every component."""

    def __init__(self, n_features: int, layers: Sequence[int], latent_dim: int) -> None:
        super().__init__()
        self.trunk = mlp((n_features, *layers))
        self.head = nn.Linear((n_features, *layers)[-1], 2 * latent_dim)

    def forward(self, x: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n z"], Float[Tensor, "n z"]]:
        """Return mean and log-variance of q(z|x)."""
        mean, log_var = self.head(self.trunk(x)).chunk(2, dim=-1)
        return mean, log_var


class StructuredEncoder(nn.Module):
    """q(c|x) by a softmax, and q(z|x,c) with a linear head per component, as in the study."""

    def __init__(self, n_features: int, layers: Sequence[int], latent_dim: int, n_components: int) -> None:
        super().__init__()
        width = (n_features, *layers)[-1]
        self.n_components = n_components
        self.trunk = mlp((n_features, *layers))
        self.component_logits = nn.Linear(width, n_components)
        self.mean = nn.Linear(width, n_components * latent_dim)
        self.log_var = nn.Linear(width, n_components * latent_dim)

    def forward(
        self, x: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k z"], Float[Tensor, "n k z"]]:
        """Return log q(c|x), and mean and log-variance of q(z|x,c) for every component."""
        hidden = self.trunk(x)
        log_q = torch.log_softmax(self.component_logits(hidden), dim=-1)
        shape = (len(x), self.n_components, -1)
        return log_q, self.mean(hidden).view(shape), self.log_var(hidden).view(shape)
