"""Samplers that look at no item: uniformly random, and in proportion to classes that only an oracle knows."""

import numpy as np

from bench.plan.samplers.base import Asker, Pick, Sight


class RandomAsker(Asker):
    """Uniformly random order, as the paper draws its labels."""

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        self._order = np.random.default_rng(sight.seed).permutation(sight.candidates)
        self._position = 0

    def _next(self) -> Pick:
        while not self.open[self._order[self._position]]:
            self._position += 1
        return Pick(int(self._order[self._position]), "drawn at random")


class StratifiedAsker(Asker):
    """Random within each class, classes in proportion to how often they occur in the pool: an oracle, which reads all labels."""

    def __init__(self, sight: Sight) -> None:
        super().__init__(sight)
        if sight.labels is None:
            raise ValueError("the stratified sampler reads the labels of the pool")
        order = np.random.default_rng(sight.seed).permutation(sight.candidates)
        classes = sight.labels[order]
        self._queues = [list(order[classes == code][::-1]) for code in range(int(classes.max()) + 1)]
        self._share = np.array([len(queue) for queue in self._queues]) / len(order)
        self._taken = np.zeros(len(self._queues))

    def _learn(self, item: int, label: int) -> None:  # noqa: ARG002 - what counts is its class
        if label >= 0:
            self._taken[label] += 1

    def _next(self) -> Pick:
        for queue in self._queues:
            while queue and not self.open[queue[-1]]:
                queue.pop()
        behind = self._share * (self._taken.sum() + 1) - self._taken
        code = max((code for code, queue in enumerate(self._queues) if queue), key=lambda code: behind[code])
        return Pick(int(self._queues[code][-1]), "its class has had fewer labels than its share (read from all labels)")
