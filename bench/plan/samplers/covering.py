"""MaxHerding (Bae, Noh & Sutherland 2024): items whose neighbourhoods together cover the pool."""

import heapq

import numpy as np

from bench.plan.samplers.base import Asker, Pick, Sight
from bench.plan.samplers.clusters import squared_distances

# Random parts of the pool to choose from and to cover: all pairs of a large pool would not fit into memory.
_CHOICES, _REFERENCES = 3_000, 12_000
# A neighbourhood holds about this share of the pool, and at least this many items.
_SHARE, _FEWEST = 0.01, 5


class CoverageAsker(Asker):
    """Greedy maximisation of the generalised coverage: the mean over the pool of the largest kernel value to an asked item.

    The kernel of latent means is exp(-d^2 / s^2), s the median radius around an item that holds a hundredth of the pool (Bae et
    al. leave the width to the scale of their features). ProbCover (Yehuda et al. 2022) is its limit with a ball for a kernel.
    After 3,000 random candidates the rest comes in random order.
    """

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        if sight.latent is None:
            raise ValueError("the coverage sampler needs latent means")
        rng = np.random.default_rng(sight.seed)
        self._latent = sight.latent
        self._references = sight.latent[rng.permutation(sight.n_pool)[:_REFERENCES]]
        self._norms = (self._references**2).sum(axis=1)
        self._rest, self._position = rng.permutation(sight.candidates), 0
        self._choices = self._rest[:_CHOICES]
        squared = squared_distances(self._latent[self._choices], self._references)
        # The nearest of all is the item itself.
        nearest = min(max(_FEWEST, round(_SHARE * len(self._references)) - 1), len(self._references) - 1)
        width = float(np.median(np.partition(squared, nearest, axis=1)[:, nearest]))
        self._width = max(width, float(np.finfo(np.float32).tiny))
        self._kernel = np.exp(-squared / self._width)
        self._covered = np.zeros(len(self._references), np.float32)
        # Gains only shrink as more is covered, so that an outdated one is an upper bound (lazy greedy, Minoux 1978).
        self._bounds = [(-float(gain), choice) for choice, gain in enumerate(self._kernel.mean(axis=1))]
        heapq.heapify(self._bounds)

    def _learn(self, item: int, label: int) -> None:  # noqa: ARG002 - only which items have labels counts, not what they say
        if not self._bounds:
            return
        squared = squared_distances(self._latent[item][None], self._references, self._norms)[0]
        self._covered = np.maximum(self._covered, np.exp(-squared / self._width))

    def _next(self) -> Pick:
        while self._bounds:
            _, choice = self._bounds[0]
            if not self.open[self._choices[choice]]:
                heapq.heappop(self._bounds)
                continue
            gain = float(np.maximum(self._kernel[choice] - self._covered, 0).mean())
            heapq.heapreplace(self._bounds, (-gain, choice))
            if self._bounds[0] == (-gain, choice):
                return Pick(int(self._choices[choice]), f"covers another {100 * gain:.2g} % of the pool")
        while not self.open[self._rest[self._position]]:
            self._position += 1
        return Pick(int(self._rest[self._position]), "drawn at random: everything on offer has been asked for")
