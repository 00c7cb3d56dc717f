"""Ways to sum over the components c when training a Gaussian-mixture VAE, behind one interface.

An objective is a function `(model, encoding, target, generator) -> ElboTerms` and the kind of inference network it needs. The
encoding may be of an augmented view of the target.

| name | decodes per item | q(c|x) | source |
|---|---|---|---|
| `exact` | K | softmax of the encoder | the study; Kingma et al. 2014 (M2), sum over c |
| `bayes` | 1 | Bayes' rule on the shared q(z|x) | VaDE, Jiang et al. 2017 |
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gmvae.config import Inference
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import Encoding
from gmvae.objectives.bayes import bayes_terms
from gmvae.objectives.exact import exact_terms

__all__ = ["OBJECTIVES", "Objective"]


@dataclass(frozen=True)
class Objective:
    """One way to sum over components."""

    terms: Callable[[GaussianMixtureVAE, Encoding, Tensor, torch.Generator], ElboTerms]
    """Bound per item, differentiable; the target is the standardised item (n, d) to be explained."""
    inference: Inference
    """The inference network that the objective needs."""


OBJECTIVES: dict[str, Objective] = {
    "exact": Objective(exact_terms, "structured"),
    "bayes": Objective(bayes_terms, "shared"),
}
