"""What every sampler shares: it asks for the label of one item after the other, and is told the answers.

A sampler does not know how many labels there will be, so larger budgets contain smaller ones. It continues from labels that it
did not ask for. It reads only labels that it was told; oracles read others, and say so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bench.errors import SettingsError
from gmvae.decoding import Posterior

UNKNOWN = -1
"""The answer for an item whose class is not known (yet)."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What a sampler sees of a pool."""

    n_pool: int
    candidates: Int[np.ndarray, " c"]
    """Pool indices whose label can be asked for, ascending."""
    seed: int
    posterior: Posterior | None = None
    """q(c|x) of the whole pool, for samplers that need a model."""
    latent: Float[np.ndarray, "n z"] | None = None
    """Latent means of the whole pool, likewise."""
    labels: Int[np.ndarray, " n"] | None = None
    """All known labels: for oracles alone."""


@dataclass(frozen=True)
class Pick:
    """An item to ask for."""

    item: int
    """Pool index."""
    reason: str
    cluster: int | None = None
    """Its cluster in the sampler's model, where it has one."""
    cluster_size: int | None = None


class Asker:
    """A sequence of questions over a pool; subclasses choose the next item in `_next`."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.open: Bool[np.ndarray, " n"] = np.zeros(sight.n_pool, bool)
        """Items that can still be asked for."""
        self.open[sight.candidates] = True
        self._n_left = len(sight.candidates)
        self.told: dict[int, int] = {}

    def tell(self, item: int, label: int) -> None:
        """Take the class of an item, asked for or not; `UNKNOWN` where it is asked for and not known."""
        self._n_left -= int(self.open[item])
        self.open[item] = False
        self.told[item] = label
        self._learn(item, label)

    def ask(self) -> Pick:
        """Return the item to label next: the same one until `tell` is called for it.

        Raises
        ------
        SettingsError
            If every candidate's label was told.
        """
        if not self._n_left:
            raise SettingsError(f"all {len(self.sight.candidates):,} items that can be asked for have been asked for")
        return self._next()

    def _learn(self, item: int, label: int) -> None:
        """Note an answer, if it changes what comes next."""

    def _next(self) -> Pick:
        raise NotImplementedError


@dataclass(frozen=True)
class Sampler:
    """A way to choose which items to label."""

    make: Callable[[Sight], Asker]
    summary: str
    needs_model: bool = False
    """Whether it looks at a trained model's posteriors and latent means."""
    oracle: bool = False
    """Whether it reads labels that it was not told, which no user could do."""
    version: int = 1
    """Increase it when the order of its items changes: then its cells are judged again."""


def draw(asker: Asker, n: int, answer: Callable[[int], int]) -> tuple[Pick, ...]:
    """Ask n times, telling each answer before the next question."""
    picks = []
    for _ in range(n):
        pick = asker.ask()
        asker.tell(pick.item, answer(pick.item))
        picks.append(pick)
    return tuple(picks)


def unanswered(_: int) -> int:
    """Answer that the class is not known yet."""
    return UNKNOWN
