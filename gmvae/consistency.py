"""What two views of an item must agree on, without labels: invariance, balance and contrast."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gmvae.networks import Body

_PROJECTION = 64
_TEMPERATURE = 0.2
_MIN_PROBABILITY = 1e-8


@dataclass(frozen=True)
class ConsistencyTerms:
    """Terms to be minimised, each a mean over the batch in nats."""

    invariance: Float[Tensor, ""]
    balance: Float[Tensor, ""]
    contrast: Float[Tensor, ""]


def invariance(log_q_a: Float[Tensor, "n k"], log_q_b: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """Symmetric cross-entropy of two views' q(c|x): small when they agree and are sure (IMSAT, Hu et al. 2017)."""
    return -0.5 * ((log_q_a.exp() * log_q_b).sum(-1) + (log_q_b.exp() * log_q_a).sum(-1)).mean()


def balance(log_q: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """Negative entropy of the batch's mean q(c|x): small when all components are used alike.

    Together with small entropy of each q(c|x) this is the mutual information I(x; c) (Bridle et al. 1992; IMSAT).
    """
    mean = log_q.exp().mean(0)
    # A component that no item of the batch uses has no logarithm; without the floor its gradient would be infinite.
    return (mean * mean.clamp_min(_MIN_PROBABILITY).log()).sum()


def contrast(a: Float[Tensor, "n f"], b: Float[Tensor, "n f"]) -> Float[Tensor, ""]:
    """InfoNCE: each item's views must find each other among the batch by cosine (van den Oord et al. 2018; Chen et al. 2020)."""
    similarity = functional.normalize(a, dim=-1) @ functional.normalize(b, dim=-1).T / _TEMPERATURE
    own = torch.arange(len(a), device=a.device)
    return 0.5 * (functional.cross_entropy(similarity, own) + functional.cross_entropy(similarity.T, own))


class Consistency(nn.Module):
    """The three terms, with the linear projection that the contrast is measured in; discarded after training."""

    def __init__(self, n_hidden: int) -> None:
        super().__init__()
        self.project = Body((n_hidden, _PROJECTION), activate_last=False)

    def forward(self, hidden: Float[Tensor, "m h"], log_q: Float[Tensor, "m k"]) -> ConsistencyTerms:
        """Return the terms for m = 2 n rows: the first views of n items, then the second views of the same items."""
        n = len(hidden) // 2
        projected = self.project(hidden)
        return ConsistencyTerms(
            invariance=invariance(log_q[:n], log_q[n:]),
            balance=balance(log_q),
            contrast=contrast(projected[:n], projected[n:]),
        )
