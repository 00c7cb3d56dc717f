"""The training loop: no files, no prints, no labels; a callback per epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gmvae.config import ModelConfig, TrainingConfig
from gmvae.devices import as_tensor, resolve_device
from gmvae.errors import InputError, TrainingDivergedError
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.objectives import OBJECTIVES

# A component counts as live when at least this share of an even part of the data is assigned to it.
_LIVE_SHARE = 0.1


@dataclass(frozen=True)
class EpochStats:
    """What one epoch of training looked like; all ELBO terms are means per item in nats."""

    epoch: int
    """Counted from 1."""
    loss: float
    """What was minimised: the negative bound."""
    reconstruction: float
    kl_z: float
    kl_c: float
    live_components: int
    """Components that hold at least a tenth of an even share of the data."""
    assignment_entropy: float
    """Mean entropy of q(c|x) in nats: 0 when every item is sure of its component."""
    learning_rate: float
    images_per_second: float
    seconds: float
    """Since training began."""


@dataclass(frozen=True)
class TrainedModel:
    """A trained model with what made it."""

    model: GaussianMixtureVAE
    training: TrainingConfig
    model_seed: int
    history: tuple[EpochStats, ...]


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


def build_model(config: ModelConfig, model_seed: int, device: torch.device) -> GaussianMixtureVAE:
    """Return a model whose initial weights depend on `model_seed` alone, not on the device or on global state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(model_seed)
        return GaussianMixtureVAE(config).to(device)


def train(
    data: np.ndarray,
    config: ModelConfig,
    training: TrainingConfig,
    *,
    model_seed: int,
    device: str = "auto",
    on_epoch: Callable[[EpochStats], None] | None = None,
) -> TrainedModel:
    """Train one model without labels.

    Parameters
    ----------
    data
        Items (n, n_features): uint8 images, floats in [0, 1], or any real values with the gaussian likelihood. Not changed.
    model_seed
        Fixes initial weights, order and noise: on CPU with the same number of threads the same seed gives the same weights.
    on_epoch
        Called after every epoch; an exception it raises ends the training.

    Raises
    ------
    InputError
        If data and settings do not fit together.
    TrainingDivergedError
        If the loss is not finite at the end of an epoch.
    """
    check_data(data, config)
    objective = OBJECTIVES[training.objective]
    if objective.inference != config.inference:
        raise InputError(f"objective {training.objective!r} needs inference={objective.inference!r}, got {config.inference!r}")
    place = resolve_device(device)
    model = build_model(config, model_seed, place)
    _learn_standardisation(model, data)
    items = as_tensor(data).to(place)
    generator = torch.Generator(place).manual_seed(model_seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=training.learning_rate, fused=place.type != "mps")
    history: list[EpochStats] = []
    begun = time.perf_counter()
    for epoch in range(1, training.epochs + 1):
        started = time.perf_counter()
        sums = _EpochSums(config.n_components, place)
        for batch in _batches(len(items), training.batch_size, generator):
            terms = objective.terms(model, model.standardise(items[batch]), generator)
            loss = -terms.elbo.mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            sums.add(terms, loss)
        stats = sums.stats(epoch, training.learning_rate, started, begun)
        if not math.isfinite(stats.loss):
            raise TrainingDivergedError(
                f"the loss became {stats.loss} in epoch {epoch}; lower the learning rate (now {training.learning_rate:g})"
            )
        history.append(stats)
        if on_epoch is not None:
            on_epoch(stats)
    return TrainedModel(model.eval(), training, model_seed, tuple(history))


def _batches(n: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield shuffled index batches of one size; the few items left over take part in another epoch."""
    size = min(batch_size, n)
    order = torch.randperm(n, generator=generator, device=generator.device)
    yield from order[: n - n % size].split(size)


def _learn_standardisation(model: GaussianMixtureVAE, data: np.ndarray) -> None:
    if model.config.likelihood != "gaussian":
        return
    scale = data.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1
    model.get_buffer("shift").copy_(torch.from_numpy(data.mean(axis=0, dtype=np.float64)))
    model.get_buffer("scale").copy_(torch.from_numpy(scale))


class _EpochSums:
    """Sums over an epoch, kept on the device: reading them back in every step would stall it."""

    def __init__(self, n_components: int, device: torch.device) -> None:
        self._sums = torch.zeros(5, device=device)
        self._counts = torch.zeros(n_components, device=device)
        self._batches = 0
        self._items = 0

    @torch.no_grad()
    def add(self, terms: ElboTerms, loss: Tensor) -> None:
        q = terms.log_q.exp()
        entropy = -torch.where(q > 0, q * terms.log_q, 0.0).sum(-1)
        means = (loss, terms.reconstruction.mean(), terms.kl_z.mean(), terms.kl_c.mean(), entropy.mean())
        self._sums += torch.stack(means)
        self._counts += torch.zeros_like(self._counts).index_add_(0, terms.log_q.argmax(-1), torch.ones_like(entropy))
        self._batches += 1
        self._items += len(q)

    def stats(self, epoch: int, learning_rate: float, started: float, begun: float) -> EpochStats:
        loss, reconstruction, kl_z, kl_c, entropy = (self._sums / self._batches).tolist()
        even_share = self._items / len(self._counts)
        live = int((self._counts >= _LIVE_SHARE * even_share).sum())
        now = time.perf_counter()
        speed = self._items / (now - started)
        return EpochStats(epoch, loss, reconstruction, kl_z, kl_c, live, entropy, learning_rate, speed, now - begun)
