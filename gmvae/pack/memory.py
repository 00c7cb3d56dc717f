"""How much memory a training needs, and so how many models fit side by side."""

from math import prod

import torch

from gmvae.config import ModelConfig, TrainingConfig
from gmvae.model import GaussianMixtureVAE
from gmvae.objectives.exact import MAX_ROWS

_FLOAT = 4
# Weights, gradients and two moments of Adam; the running mean, if one is kept, and the difference to it while that is taken in.
_COPIES, _OF_MEAN = 4, 2
# Of each layer's output the value before and after its activation, and the gradient of one of them at a time.
_PER_LAYER = 2.5
# Of the decoder's last layer: logits, what the likelihood keeps of them to go back, and gradients.
_OF_OUTPUT = 6


def model_bytes(model: ModelConfig, training: TrainingConfig) -> int:
    """Return about how many bytes the training of a model takes on its device, without the data."""
    with torch.device("meta"):
        weights = sum(prod(tensor.shape) for tensor in GaussianMixtureVAE(model).parameters())
    copies = _COPIES + (_OF_MEAN if training.averaging else 0)
    return int(_FLOAT * (copies * weights + _activations(model, training)))


def _activations(model: ModelConfig, training: TrainingConfig) -> float:
    """Return the numbers that a step keeps for its way back."""
    n, z, k = training.batch_size, model.latent_dim, model.n_components
    views = 2 if training.needs_views else 1
    heads = 3 * k * z if model.inference == "structured" else 2 * z
    seen = views * n * (2 * model.n_features + _PER_LAYER * sum(model.encoder_layers) + 4 * heads + 6 * k)
    decoded = {"exact": min(n * k, MAX_ROWS), "sampled": n * (training.summed_components + 1), "bayes": n}[training.objective]
    return seen + decoded * (_PER_LAYER * sum(model.decoder_layers) + _OF_OUTPUT * model.n_features)
