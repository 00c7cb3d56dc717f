"""Which likelihood suits which data: the one rule, for whoever needs it."""

import numpy as np

from gmvae.config import Likelihood


def likelihood_for(items: np.ndarray) -> Likelihood:
    """Return the likelihood that suits the values: bernoulli for bytes and [0, 1], else gaussian."""
    if items.dtype == np.uint8 or (items.min() >= 0 and items.max() <= 1):
        return "bernoulli"
    return "gaussian"
