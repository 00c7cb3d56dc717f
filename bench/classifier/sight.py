"""What a classifier sees of new items: the representations of `bench.judge.representations`, as they were fitted on the pool."""

from collections.abc import Mapping
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor

from bench.classifier.distances import ranking_distances
from bench.classifier.parts import Part, Parts
from gmvae.config import ModelConfig
from gmvae.model import GaussianMixtureVAE
from gmvae.student import Student


class Model(Part):
    """A trained GMVAE."""

    def __init__(self, network: GaussianMixtureVAE) -> None:
        super().__init__()
        self.network = network.eval()

    def plain(self) -> dict[str, Any]:
        """Return its settings."""
        return {"config": self.network.config.model_dump(mode="json")}

    def arrays(self) -> dict[str, Tensor]:
        """Return its weights."""
        return dict(self.network.state_dict())

    @classmethod
    def rebuilt(cls, plain: Mapping[str, Any], arrays: Mapping[str, Tensor], parts: Mapping[str, Part]) -> Self:  # noqa: ARG003
        """Return the model with these weights."""
        network = GaussianMixtureVAE(ModelConfig.model_validate(plain["config"]))
        network.load_state_dict(dict(arrays))
        return cls(network)


class Taught(Part):
    """A student's network (`gmvae.student`)."""

    def __init__(self, network: Student, image_shape: tuple[int, ...] | None, n_features: int) -> None:
        super().__init__()
        self.network, self.image_shape, self.n_features = network.eval(), image_shape, n_features

    def plain(self) -> dict[str, Any]:
        """Return its sizes."""
        n_classes = self.network.head.out_features
        return {"n_features": self.n_features, "n_classes": n_classes, "image_shape": self.image_shape}

    def arrays(self) -> dict[str, Tensor]:
        """Return its weights."""
        return dict(self.network.state_dict())

    @classmethod
    def rebuilt(cls, plain: Mapping[str, Any], arrays: Mapping[str, Tensor], parts: Mapping[str, Part]) -> Self:  # noqa: ARG003
        """Return the student with these weights."""
        shape = None if plain["image_shape"] is None else tuple(plain["image_shape"])
        network = Student(plain["n_features"], plain["n_classes"], shape)
        network.load_state_dict(dict(arrays))
        return cls(network, shape, plain["n_features"])


class Sight:
    """Some items, and what each look at them found: every look is taken once, whoever asks."""

    def __init__(self, items: Tensor, shared: Parts) -> None:
        self.items = items.to(torch.float32) / 255 if items.dtype == torch.uint8 else items.to(torch.float32)
        self._shared = shared
        self._seen: dict[int, Any] = {}
        self._told: dict[str, tuple[Tensor, Tensor]] = {}

    def encoded(self, model: str) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n z"]]:
        """Return q(c|x) and latent means of a model."""
        if model not in self._told:
            network: GaussianMixtureVAE = self._shared[model].network
            # Items are floats by now: bytes were divided by 255, as the model would.
            log_q, latent = network.infer(network.standardise(self.items))
            self._told[model] = log_q.exp(), latent
        return self._told[model]

    def taught(self, student: str) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n l"]]:
        """Return features and class probabilities of a student."""
        if student not in self._told:
            network: Student = self._shared[student].network
            hidden = network.trunk(self.items)
            self._told[student] = hidden, network.head(hidden).softmax(dim=-1)
        return self._told[student]

    def by(self, look: Part) -> Any:
        """Return what a look finds."""
        if id(look) not in self._seen:
            self._seen[id(look)] = look(self)
        return self._seen[id(look)]


class Items(Part):
    """Bytes as values in [0, 1], other values as they are."""

    def forward(self, sight: Sight) -> Float[Tensor, "n d"]:
        """Return the items."""
        return sight.items


class Scaled(Part):
    """What another look finds, standardised by the pool or by the labelled items."""

    look: Part
    mean: Tensor
    scale: Tensor

    def forward(self, sight: Sight) -> Float[Tensor, "n d"]:
        """Return standardised values."""
        scaled: Tensor = (sight.by(self.look) - self.mean) / self.scale
        return scaled


class Projected(Part):
    """Principal components of what another look finds."""

    look: Part
    mean: Tensor
    axes: Tensor
    """(p, d)."""

    def forward(self, sight: Sight) -> Float[Tensor, "n p"]:
        """Return the components."""
        components: Tensor = (sight.by(self.look) - self.mean) @ self.axes.T
        return components


class Components(Part):
    """q(c|x) of a model."""

    model: str

    def forward(self, sight: Sight) -> Float[Tensor, "n k"]:
        """Return q(c|x)."""
        return sight.encoded(self.model)[0]


class Latent(Part):
    """Latent means of a model."""

    model: str

    def forward(self, sight: Sight) -> Float[Tensor, "n z"]:
        """Return latent means."""
        return sight.encoded(self.model)[1]


class Beside(Part):
    """Two looks side by side, each at a scale of its own."""

    first: Part
    second: Part
    scales: Tensor

    def forward(self, sight: Sight) -> Float[Tensor, "n d"]:
        """Return both."""
        return torch.cat([sight.by(self.first) * self.scales[0], sight.by(self.second) * self.scales[1]], dim=1)


class Features(Part):
    """What a student has learnt to look at."""

    student: str

    def forward(self, sight: Sight) -> Float[Tensor, "n h"]:
        """Return the features before its last layer."""
        return sight.taught(self.student)[0]


class Centres(Part):
    """q(c|x) of k-means: equal spherical Gaussians around its centres."""

    look: Part
    centres: Tensor
    variance: float

    def forward(self, sight: Sight) -> Float[Tensor, "n k"]:
        """Return q(c|x)."""
        # The item's own length is the same for all centres, and so falls out of the softmax.
        return torch.softmax(-0.5 * ranking_distances(sight.by(self.look), self.centres) / self.variance, dim=-1)


class Mixture(Part):
    """q(c|x) of a Gaussian mixture with diagonal covariances."""

    look: Part
    log_weights: Tensor
    means: Tensor
    precisions: Tensor
    """Their square roots, (k, d)."""

    def forward(self, sight: Sight) -> Float[Tensor, "n k"]:
        """Return q(c|x)."""
        x = sight.by(self.look).to(self.means.dtype)
        squares = self.precisions.square()
        # Multiplied out, as scikit-learn does: n x k x d numbers would be too many.
        distance = x.square() @ squares.T - 2 * x @ (self.means * squares).T + (self.means.square() * squares).sum(dim=1)
        log_density = self.precisions.log().sum(dim=1) - 0.5 * distance
        return torch.softmax(self.log_weights + log_density, dim=-1).to(torch.float32)
