"""Which items carry labels. Larger budgets contain smaller ones, and every method at (budget, label seed) gets the same items."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from bench.plan.seeds import derive_seed

Sampler = Callable[[Int[np.ndarray, " n"], int], Int[np.ndarray, " n"]]
"""Takes the items whose label can be asked for and a seed; returns them in the order in which they are asked."""


def random_order(candidates: Int[np.ndarray, " n"], seed: int) -> Int[np.ndarray, " n"]:
    """Return the candidates in uniformly random order, as the study draws them."""
    return np.random.default_rng(seed).permutation(candidates)


SAMPLERS: dict[str, Sampler] = {"random": random_order}


def labeled_items(
    labels: Int[np.ndarray, " n"], sha256: str, sampler: str, label_seed: int, n_labeled: int
) -> Int[np.ndarray, " s"]:
    """Return the pool indices whose labels are shown to a method, in the order in which they were drawn."""
    seed = derive_seed("labels", sha256, sampler, label_seed)
    return SAMPLERS[sampler](np.flatnonzero(labels >= 0), seed)[:n_labeled]
