"""Labels hidden in turn: how settings and methods are compared by the labels shown alone."""

import numpy as np
from jaxtyping import Float, Int

# Parts of the labels that are hidden in turn.
N_PARTS = 5
# A nat of log-likelihood counts as much as this accuracy: it decides where about as many labels are told.
_NAT = 0.02
# Share of likelihood that says nothing, so that one label told as impossible does not outweigh all others.
_DOUBT = 0.02


def parts_of(codes: Int[np.ndarray, " s"], rng: np.random.Generator) -> Int[np.ndarray, " s"]:
    """Return the part (0 … 4) of each label: parts of even size, each class spread over them."""
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    part = np.empty(len(codes), np.int64)
    part[order] = np.arange(len(codes)) % N_PARTS
    return part


def told(proba: Float[np.ndarray, "t l"], codes: Int[np.ndarray, " t"]) -> float:
    """Return how well probabilities tell classes: those told right, and a little log-likelihood; a sum over labels."""
    return float(told_each(proba, codes).sum())


def told_each(proba: Float[np.ndarray, "t l"], codes: Int[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Return how well the class of each item is told; see `told`."""
    own = proba[np.arange(len(proba)), codes]
    log_likelihood = np.log((1 - _DOUBT) * own + _DOUBT / proba.shape[1])
    return np.asarray((proba.argmax(axis=1) == codes) + _NAT * log_likelihood, np.float64)


def first_as_good(scores: Float[np.ndarray, "c t"]) -> int:
    """Return the first of c candidates that falls behind the best by no more than one standard error of the difference.

    Hidden labels are few, and the best of several is often the luckiest; so candidates stand in the order in which they are
    trusted (the one-standard-error rule, Breiman et al. 1984, paired over the t hidden labels).
    """
    behind = scores[int(scores.sum(axis=1).argmax())] - scores
    close = behind.sum(axis=1) <= np.sqrt((behind**2).sum(axis=1))
    return int(np.flatnonzero(close)[0])
