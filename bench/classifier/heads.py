"""From what a classifier sees to class probabilities: every kind of learner, as it was fitted, in plain arrays."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bench.classifier.distances import distances_to, nearest
from bench.classifier.parts import Part, Parts
from bench.classifier.sight import Sight

_TINY = float(np.finfo(np.float32).tiny)


class Decoded(Part):
    """Soft decoding: what each cluster says of the classes, weighed by q(c|x) (`gmvae.decoding`)."""

    look: Part
    class_given: Tensor
    """(l, k)."""
    frequency: Tensor
    """Of the classes, for items whose clusters say nothing."""

    def forward(self, sight: Sight) -> Float[Tensor, "n l"]:
        """Return class probabilities."""
        return _shares(sight.by(self.look) @ self.class_given.T, self.frequency)


class Voted(Part):
    """Hard decoding: the class of the likeliest cluster."""

    look: Part
    classes: Tensor
    """(k, l), one of them 1 in each row."""

    def forward(self, sight: Sight) -> Float[Tensor, "n l"]:
        """Return 1 for that class."""
        return self.classes[sight.by(self.look).argmax(dim=1)]


class Only(Part):
    """The one class that was shown."""

    proba: Tensor

    def forward(self, sight: Sight) -> Float[Tensor, "n l"]:
        """Return the same for every item."""
        return self.proba.expand(sight.items.shape[0], -1)


class Among(Part):
    """A head that knows the classes shown, with a column for every class."""

    head: Part
    columns: Tensor
    """(s, l), one of them 1 in each row."""

    def forward(self, sight: Sight) -> Float[Tensor, "n l"]:
        """Return class probabilities."""
        proba: Tensor = sight.by(self.head) @ self.columns
        return proba


class Perceptron(Part):
    """Layers with ReLUs between them, and a softmax at the end; a single layer is a logistic regression."""

    look: Part
    n_layers: int

    def forward(self, sight: Sight) -> Float[Tensor, "n s"]:
        """Return class probabilities."""
        x = sight.by(self.look)
        for depth in range(self.n_layers):
            x = x @ getattr(self, f"weight_{depth}") + getattr(self, f"bias_{depth}")
            x = torch.relu(x) if depth < self.n_layers - 1 else x
        proba: Tensor = x.softmax(dim=-1)
        return proba


class Nearest(Part):
    """Nearest labelled items, weighed by the inverse of their distance; at distance 0 they alone count."""

    look: Part
    points: Tensor
    classes: Tensor
    """(n, s), one of them 1 in each row."""
    n_neighbors: int

    def forward(self, sight: Sight) -> Float[Tensor, "n s"]:
        """Return class probabilities."""
        x = sight.by(self.look)
        near = nearest(x, self.points, self.n_neighbors)
        apart = distances_to(x, self.points, near)
        same = apart == 0
        weight = torch.where(same.any(dim=1, keepdim=True), same.to(x.dtype), 1 / apart.clamp(min=_TINY))
        said = (weight.unsqueeze(2) * self.classes[near]).sum(dim=1)
        return said / said.sum(dim=1, keepdim=True)


class Spread(Part):
    """Labels spread over a pool's graph: the mean of the field at the nearest items of the pool (`baselines.graph`)."""

    look: Part
    points: Tensor
    scale: Tensor
    field: Tensor
    """(n, l): how much of each class reaches each item of the pool."""
    known: Tensor
    """Places of the labelled items in the pool."""
    codes: Tensor
    """Their classes."""
    n_neighbors: int

    def forward(self, sight: Sight) -> Float[Tensor, "n l"]:
        """Return class probabilities."""
        x = sight.by(self.look)
        near = nearest(x, self.points, self.n_neighbors)
        apart = distances_to(x, self.points, near)
        own = apart.amax(dim=1, keepdim=True).clamp(min=_TINY)
        weight = torch.exp(-apart.square() / (own * self.scale[near]).clamp(min=_TINY))
        weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-12)
        said = (weight.unsqueeze(2) * self.field[near]).sum(dim=1)
        total = said.sum(dim=1, keepdim=True)
        # Where no label reaches, the nearest one counts.
        labeled = nearest(x, self.points[self.known], 1)[:, 0]
        own_class = torch.eye(self.field.shape[1], dtype=said.dtype, device=said.device)[self.codes[labeled]]
        return torch.where(total > 0, said / total.clamp(min=_TINY), own_class)


class Said(Part):
    """What a student says itself."""

    student: str

    def forward(self, sight: Sight) -> Float[Tensor, "n s"]:
        """Return class probabilities."""
        return sight.taught(self.student)[1]


class Mean(Part):
    """The mean of several heads."""

    heads: Parts

    def forward(self, sight: Sight) -> Float[Tensor, "n l"]:
        """Return class probabilities."""
        return torch.stack([sight.by(head) for head in self.heads]).mean(dim=0)


class GeometricMean(Part):
    """The geometric mean of several heads over the classes shown; the others are out of the question."""

    heads: Parts
    seen: Tensor
    """1 for each class shown."""
    least: float

    def forward(self, sight: Sight) -> Float[Tensor, "n l"]:
        """Return class probabilities."""
        logarithms = [sight.by(head).clamp(min=self.least).log() for head in self.heads]
        mean = torch.stack(logarithms).mean(dim=0).exp() * self.seen
        return mean / mean.sum(dim=1, keepdim=True)


class Trees(Part):
    """Gradient-boosted trees, in XGBoost's own form."""

    look: Part
    booster: Tensor
    """Bytes of UBJSON."""
    two: bool
    """Whether there are two classes, of which the trees tell the second."""

    def forward(self, sight: Sight) -> Float[Tensor, "n s"]:
        """Return class probabilities."""
        # Loaded where there are trees: it takes a second.
        from xgboost import Booster

        if not hasattr(self, "_loaded"):
            self._loaded = Booster({"nthread": 1})
            self._loaded.load_model(bytearray(self.booster.numpy(force=True).tobytes()))
        said: Any = self._loaded.inplace_predict(sight.by(self.look).numpy(force=True))
        proba = torch.as_tensor(np.asarray(said, np.float32), device=self.booster.device)
        return torch.stack([1 - proba, proba], dim=1) if self.two else proba


def _shares(scores: Float[Tensor, "n l"], silent: Float[Tensor, " l"]) -> Float[Tensor, "n l"]:
    total = scores.sum(dim=1, keepdim=True)
    return torch.where(total > 0, scores / total.clamp(min=_TINY), silent)
