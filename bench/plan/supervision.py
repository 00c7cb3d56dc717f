"""How good the labels are: wrong answers, classes that are labelled more rarely than others, classes without any label."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Int

from bench.errors import SettingsError, number_of
from bench.plan.seeds import derive_seed

_FEWEST_SEEN = 2


@dataclass(frozen=True, order=True)
class Supervision:
    """What is wrong with the labels that a method is shown; it is scored on true labels of all classes."""

    noise: float = 0.0
    """Probability that a label names another class than the true one, any of the others with the same chance."""
    imbalance: float = 1.0
    """How many times as many items of the first class as of the last can be labelled: geometric over classes in random order."""
    unseen: int = 0
    """Classes of which no item can be labelled, drawn at random."""

    @cached_property
    def text(self) -> str:
        """Name in records and tables: `noise 0.1, unseen 2`; empty for labels with which nothing is wrong."""
        parts = [
            *([f"noise {self.noise:.12g}"] if self.noise else []),
            *([f"imbalance {self.imbalance:.12g}"] if self.imbalance != 1 else []),
            *([f"unseen {self.unseen}"] if self.unseen else []),
        ]
        return ", ".join(parts)

    def check(self, n_classes: int, name: str) -> None:
        """Refuse more unseen classes than the data can spare.

        Raises
        ------
        SettingsError
            If fewer than two classes would be seen.
        """
        if self.unseen > n_classes - _FEWEST_SEEN:
            raise SettingsError(
                f"--unseen got {self.unseen}, but {name} has {number_of(n_classes, 'class', 'classes')}, and two must be seen"
            )

    def told(self, labels: Int[np.ndarray, " n"], n_classes: int, sha256: str, label_seed: int) -> Int[np.ndarray, " n"]:
        """Return what an annotator would say of each item: -1 where there is no answer.

        The same answer whoever asks, in whichever order: it depends on data, supervision and draw alone.
        """
        if not self.text:
            return labels
        rng = np.random.default_rng(derive_seed("supervision", sha256, label_seed))
        # Always drawn, and in this order: what one trouble does is the same with another beside it, and more noise adds to less.
        order, chance, wrong = rng.permutation(n_classes), rng.random(len(labels)), rng.random(len(labels))
        shift = rng.integers(1, n_classes, size=len(labels))
        known = labels >= 0
        rank = np.empty(n_classes, int)
        rank[order] = np.arange(n_classes)
        share = self.imbalance ** (-rank / (n_classes - 1))
        answered = known & (chance < share[labels]) & (rank[labels] < n_classes - self.unseen)
        said = np.where(wrong < self.noise, (labels + shift) % n_classes, labels)
        return np.where(answered, said, -1)


CLEAN = Supervision()


def supervisions(noise: Iterable[float], imbalance: Iterable[float], unseen: Iterable[int]) -> tuple[Supervision, ...]:
    """Return every combination, each once."""
    return tuple(dict.fromkeys(Supervision(*one) for one in product(noise, imbalance, unseen)))
