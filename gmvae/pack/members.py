"""The models of a pack: what each of them is, and what it has for itself while it trains."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from gmvae.config import ModelConfig, TrainingConfig
from gmvae.consistency import Consistency
from gmvae.errors import InputError, TrainingDivergedError
from gmvae.history import EpochStats
from gmvae.model import GaussianMixtureVAE


@dataclass(frozen=True)
class Member:
    """One of the models that train side by side."""

    config: ModelConfig
    model_seed: int
    """Fixes its initial weights, order and noise, whoever trains beside it."""
    training: TrainingConfig | None = None
    """`None`: that of the pack, from which it may differ in `OF_EACH`."""


OF_EACH = ("learning_rate", "invariance", "balance", "contrast", "augmentation")
"""Fields of `TrainingConfig` that models side by side may differ in."""


@dataclass
class Lane:
    """What each model has for itself."""

    member: Member
    training: TrainingConfig
    networks: nn.ModuleList
    """Model and consistency terms; of several models, views of their parts of the stack."""
    generator: torch.Generator
    history: list[EpochStats] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float | None = None
    error: TrainingDivergedError | None = None

    @property
    def model(self) -> GaussianMixtureVAE:
        """The model in training."""
        return model_and_consistency(self.networks)[0]


def check_data(data: np.ndarray, config: ModelConfig) -> None:
    """Raise `InputError` unless `data` is a finite (n, n_features) array that the likelihood of `config` can explain."""
    if data.ndim != 2 or data.shape[1] != config.n_features:
        raise InputError(f"got data of shape {data.shape}, expected (n, {config.n_features})")
    if len(data) < config.n_components:
        raise InputError(f"got {len(data)} items for {config.n_components} components; use fewer components than items")
    if data.dtype == np.uint8:
        return
    if not np.isfinite(data).all():
        raise InputError("the data hold NaN or infinite values; remove or impute them first")
    if config.likelihood == "bernoulli" and (data.min() < 0 or data.max() > 1):
        raise InputError(f"values span [{data.min():g}, {data.max():g}]; the bernoulli likelihood needs [0, 1], use 'gaussian'")


def can_share(one: ModelConfig, other: ModelConfig) -> bool:
    """Whether two models can train side by side: they differ in K at most, and nothing is decoded or kept for each component."""
    return one == other or (one.inference == "shared" and one == other.model_copy(update={"n_components": one.n_components}))


def can_train_alike(one: TrainingConfig, other: TrainingConfig) -> bool:
    """Whether two trainings go through the same steps: they differ in `OF_EACH` at most, and leave out the same terms."""
    own = {name: getattr(one, name) for name in OF_EACH}
    return one == other.model_copy(update=own) and all(bool(value) == bool(getattr(other, name)) for name, value in own.items())


def of_each(lanes: Sequence[Lane], name: str, place: torch.device) -> float | Tensor:
    """Return a field of `OF_EACH`: one number for all models, or one for each (m,) if they differ."""
    values = [float(getattr(lane.training, name)) for lane in lanes]
    return values[0] if len(set(values)) == 1 else torch.tensor(values, device=place)


def model_and_consistency(networks: nn.ModuleList) -> tuple[GaussianMixtureVAE, Consistency]:
    """Return what the networks of a lane, or of a stack, consist of."""
    model, consistency = networks
    assert isinstance(model, GaussianMixtureVAE)  # noqa: S101 - put together below
    assert isinstance(consistency, Consistency)  # noqa: S101 - likewise
    return model, consistency


def begin(members: Sequence[Member], training: TrainingConfig, data: np.ndarray, place: torch.device) -> list[Lane]:
    """Return the models as they are before their first step, on a device."""
    units = _units(data) if members[0].config.likelihood == "gaussian" else None
    return [_lane(member, member.training or training, units, place) for member in members]


def _lane(member: Member, training: TrainingConfig, units: tuple[Tensor, Tensor] | None, place: torch.device) -> Lane:
    # Initial weights depend on the seed alone, not on the device or on global state.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(member.model_seed)
        model = GaussianMixtureVAE(member.config)
        networks = nn.ModuleList([model, Consistency(model.encoder.n_hidden)])
    if units is not None:
        for name, values in zip(("shift", "scale"), units, strict=True):
            model.get_buffer(name).copy_(values)
    generator = torch.Generator(place).manual_seed(member.model_seed)
    return Lane(member, training, networks.to(place), generator, cpu_seconds=0.0 if place.type == "cpu" else None)


def _units(data: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each feature; 1 for one that does not vary."""
    scale = data.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1
    return torch.from_numpy(data.mean(axis=0, dtype=np.float64)), torch.from_numpy(scale)
