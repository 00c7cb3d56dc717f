"""Ways to sum over the components c when training a Gaussian-mixture VAE, behind one interface.

An objective is a function `(model, encoding, target, generator) -> ElboTerms` and the kind of inference network it needs. The
encoding may be of an augmented view of the target.

| name | decodes per item | GFLOP per item trained, the paper's sizes | q(c|x) | source |
|---|---|---|---|---|
| `exact` | K | 1.09 | softmax of the encoder | the paper; Kingma et al. 2014 (M2), sum over c |
| `sampled` | m + 1 (m = 4) | 0.16, of which 0.09 for the encoder's K heads | softmax of the encoder | Liu et al. 2019 |
| `bayes` | 1 | 0.024 | Bayes' rule on the shared q(z|x) | VaDE, Jiang et al. 2017 |

`sampled` estimates `exact` without bias; `bayes` bounds the same model's likelihood with another, cheaper family of q.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from gmvae.config import Inference, TrainingConfig
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import Encoding
from gmvae.noise import Source
from gmvae.objectives.bayes import bayes_terms
from gmvae.objectives.exact import exact_terms
from gmvae.objectives.sampled import sampled_terms

__all__ = ["OBJECTIVES", "Objective", "Terms", "terms_for"]

Terms = Callable[[GaussianMixtureVAE, Encoding, Tensor, Source], ElboTerms]
"""Bound per item, differentiable; the third argument is the standardised item (n, d) to be explained."""


@dataclass(frozen=True)
class Objective:
    """One way to sum over components."""

    terms: Callable[..., ElboTerms]
    """A `Terms`, which may take `options` as keywords beside."""
    inference: Inference
    """The inference network that the objective needs."""
    options: tuple[str, ...] = ()
    """Fields of `TrainingConfig` that `terms` takes as keywords."""


OBJECTIVES: dict[str, Objective] = {
    "exact": Objective(exact_terms, "structured"),
    "sampled": Objective(sampled_terms, "structured", ("summed_components",)),
    "bayes": Objective(bayes_terms, "shared"),
}


def terms_for(training: TrainingConfig) -> Terms:
    """Return the objective's function with the options that `training` gives it."""
    objective = OBJECTIVES[training.objective]
    return partial(objective.terms, **{name: getattr(training, name) for name in objective.options})
