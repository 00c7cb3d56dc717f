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
    """Terms to be minimised, each a mean over the batch in nats, for each model."""

    invariance: Float[Tensor, "*m"]
    balance: Float[Tensor, "*m"]
    contrast: Float[Tensor, "*m"]


def invariance(log_q_a: Float[Tensor, "*m n k"], log_q_b: Float[Tensor, "*m n k"]) -> Float[Tensor, "*m"]:
    """Symmetric cross-entropy of two views' q(c|x): small when they agree and are sure (IMSAT, Hu et al. 2017)."""
    return -0.5 * ((log_q_a.exp() * log_q_b).sum(-1) + (log_q_b.exp() * log_q_a).sum(-1)).mean(-1)


def balance(log_q: Float[Tensor, "*m n k"]) -> Float[Tensor, "*m"]:
    """Negative entropy of the batch's mean q(c|x): small when all components are used alike.

    Together with small entropy of each q(c|x) this is the mutual information I(x; c) (Bridle et al. 1992; IMSAT).
    """
    mean = log_q.exp().mean(-2)
    # A component that no item of the batch uses has no logarithm; without the floor its gradient would be infinite.
    return (mean * mean.clamp_min(_MIN_PROBABILITY).log()).sum(-1)


def contrast(a: Float[Tensor, "*m n f"], b: Float[Tensor, "*m n f"]) -> Float[Tensor, "*m"]:
    """InfoNCE: each item's views must find each other among the batch by cosine (van den Oord et al. 2018; Chen et al. 2020)."""
    similarity = functional.normalize(a, dim=-1) @ functional.normalize(b, dim=-1).mT / _TEMPERATURE
    return 0.5 * (_own_row(similarity) + _own_row(similarity.mT))


def _own_row(similarity: Float[Tensor, "*m n n"]) -> Float[Tensor, "*m"]:
    """Cross-entropy of the softmax of each row with the item of that row."""
    own = torch.arange(similarity.shape[-1], device=similarity.device).expand(similarity.shape[:-1])
    classes_second = similarity.movedim(-1, 1) if similarity.ndim > 2 else similarity
    return functional.cross_entropy(classes_second, own, reduction="none").mean(-1)


class Consistency(nn.Module):
    """The three terms, with the linear projection that the contrast is measured in; discarded after training."""

    def __init__(self, n_hidden: int) -> None:
        super().__init__()
        self.project = Body((n_hidden, _PROJECTION), activate_last=False)

    def forward(self, hidden: Float[Tensor, "*m v h"], log_q: Float[Tensor, "*m v k"]) -> ConsistencyTerms:
        """Return the terms for v = 2 n rows: the first views of n items, then the second views of the same items."""
        return ConsistencyTerms(
            invariance=invariance(*log_q.chunk(2, dim=-2)),
            balance=balance(log_q),
            contrast=contrast(*self.project(hidden).chunk(2, dim=-2)),
        )
