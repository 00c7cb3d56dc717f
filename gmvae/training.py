"""The training loop: no files, no prints, no labels; a callback per epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gmvae.augmentation import Augmentation
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.consistency import Consistency
from gmvae.devices import as_tensor, multiplies_bfloat16_fast, resolve_device
from gmvae.errors import InputError, TrainingDivergedError
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import use_bfloat16
from gmvae.objectives import OBJECTIVES
from gmvae.start import start_at_clusters

# A component counts as live when at least this share of an even part of the data is assigned to it.
_LIVE_SHARE = 0.1
# A small pool is cut into so many batches, not more: were they smaller, the balance of K components could not be seen in them.
_MIN_BATCHES = 3
# The one-cycle schedule rises over this share of the steps and ends at this share of the peak.
_RISE, _FLOOR = 0.1, 0.02


@dataclass(frozen=True)
class EpochStats:
    """What one epoch of training looked like; all terms are means per item in nats."""

    epoch: int
    """Counted from 1."""
    loss: float
    """What was minimised: the negative bound plus the weighted consistency terms."""
    reconstruction: float
    kl_z: float
    kl_c: float
    invariance: float
    balance: float
    contrast: float
    """Consistency terms before weighting; 0 where training compares no views."""
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
    needed = OBJECTIVES[training.objective].inference
    if needed != config.inference:
        raise InputError(f"objective {training.objective!r} needs inference={needed!r}, got {config.inference!r}")
    trainer = _Trainer(data, config, training, model_seed, resolve_device(device))
    history: list[EpochStats] = []
    for epoch in range(1, training.epochs + 1):
        stats = trainer.run_epoch(epoch)
        if not math.isfinite(stats.loss):
            raise TrainingDivergedError(
                f"the loss became {stats.loss} in epoch {epoch}; lower the learning rate (now {training.learning_rate:g})"
            )
        history.append(stats)
        if on_epoch is not None:
            on_epoch(stats)
    return TrainedModel(trainer.finished_model(), training, model_seed, tuple(history))


class _Trainer:
    """The state of one training: networks, optimiser, random numbers, and how far it is."""

    def __init__(
        self, data: np.ndarray, config: ModelConfig, training: TrainingConfig, model_seed: int, device: torch.device
    ) -> None:
        self.training = training
        # Initial weights depend on the seed alone, not on the device or on global state.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(model_seed)
            self.model = GaussianMixtureVAE(config)
            self.consistency = Consistency(self.model.encoder.n_hidden)
            self.networks = nn.ModuleList([self.model, self.consistency]).to(device)
        self.augmentation = Augmentation(config.image_shape, training.augmentation).to(device)
        _learn_standardisation(self.model, data)
        self.items = as_tensor(data).to(device)
        self.generator = torch.Generator(device).manual_seed(model_seed)
        self.batch_size = min(len(data), max(2, min(training.batch_size, len(data) // _MIN_BATCHES)))
        self.steps = training.epochs * (len(data) // self.batch_size)
        self.step = 0
        # Two epochs at least follow the start, whatever the share of the warm-up.
        self.warmup_epochs = min(math.ceil(training.warmup * training.epochs), max(0, training.epochs - 2))
        if training.start == "alike":
            self.warmup_epochs = 0
        half = training.precision == "bfloat16" or (training.precision == "auto" and multiplies_bfloat16_fast(device))
        use_bfloat16(self.model, half)
        self.optimiser = torch.optim.Adam(self.networks.parameters(), lr=training.learning_rate, fused=device.type != "mps")
        self.average = _WeightAverage(self.model, training.averaging)
        if training.start == "kmeans" and self.warmup_epochs == 0:
            start_at_clusters(self.model, self.items, self.generator)
            self.average.restart()
        self.begun = time.perf_counter()

    def run_epoch(self, epoch: int) -> EpochStats:
        """Pass over the data once."""
        started = time.perf_counter()
        warming_up = epoch <= self.warmup_epochs
        self.model.prior.requires_grad_(not warming_up)
        sums = _EpochSums(self.model.config.n_components, self.items.device)
        for batch in _batches(len(self.items), self.batch_size, self.generator):
            self._set_learning_rate()
            terms, loss = self._loss(self.model.standardise(self.items[batch]), sums, warming_up)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            self.average.update()
            sums.add(terms, loss)
            self.step += 1
        stats = sums.stats(epoch, self.optimiser.param_groups[0]["lr"], started, self.begun)
        if epoch == self.warmup_epochs and math.isfinite(stats.loss):
            start_at_clusters(self.model, self.items, self.generator)
            self.average.restart()
        return stats

    def finished_model(self) -> GaussianMixtureVAE:
        """Return the model with the weights that count, ready for use."""
        self.average.apply()
        use_bfloat16(self.model, enabled=False)
        self.model.prior.requires_grad_(True)
        return self.model.eval()

    def _loss(self, items: Tensor, sums: "_EpochSums", warming_up: bool) -> tuple[ElboTerms, Tensor]:
        training = self.training
        n, views = len(items), [self.augmentation(items, self.generator)]
        # During the warm-up components do not exist yet; the contrast helps from the first step on.
        compare = training.contrast > 0 if warming_up else training.needs_views
        if compare:
            views.append(self.augmentation(items, self.generator))
        encoding = self.model.encode(torch.cat(views))
        terms = OBJECTIVES[training.objective].terms(self.model, encoding.first(n), items, self.generator)
        loss = -terms.elbo.mean()
        if compare:
            log_q = torch.log_softmax(self.model.component_logits(encoding), dim=-1)
            agreement = self.consistency(encoding.hidden, log_q)
            loss = loss + training.contrast * agreement.contrast
            if not warming_up:
                loss = loss + training.invariance * agreement.invariance + training.balance * agreement.balance
            sums.add_consistency(agreement.invariance, agreement.balance, agreement.contrast)
        return terms, loss

    def _set_learning_rate(self) -> None:
        if self.training.schedule == "one-cycle":
            rate = self.training.learning_rate * one_cycle(self.step / self.steps)
            for group in self.optimiser.param_groups:
                group["lr"] = rate


def one_cycle(progress: float) -> float:
    """Return the share of the peak learning rate when `progress` (0 to 1) of the steps are done."""
    if progress < _RISE:
        return 0.05 + 0.95 * progress / _RISE
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * (progress - _RISE) / (1 - _RISE)))


def _batches(n: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield shuffled index batches of one size; the few items left over take part in another epoch."""
    order = torch.randperm(n, generator=generator, device=generator.device)
    yield from order[: n - n % batch_size].split(batch_size)


def _learn_standardisation(model: GaussianMixtureVAE, data: np.ndarray) -> None:
    if model.config.likelihood != "gaussian":
        return
    scale = data.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1
    model.get_buffer("shift").copy_(torch.from_numpy(data.mean(axis=0, dtype=np.float64)))
    model.get_buffer("scale").copy_(torch.from_numpy(scale))


class _WeightAverage:
    """Exponential running mean of a model's weights (Polyak & Juditsky 1992), short at first and longer as training goes on."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        # Running statistics of normalising layers are averaged with the weights that they belong to.
        self._weights = [tensor.detach() for tensor in model.state_dict().values() if tensor.is_floating_point()]
        self.restart()

    def restart(self) -> None:
        """Forget everything before now."""
        self._updates = 0
        self._means = [weight.clone() for weight in self._weights] if self._decay else []

    def update(self) -> None:
        """Take the present weights in."""
        if self._decay:
            decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
            torch._foreach_lerp_(self._means, self._weights, 1 - decay)
            self._updates += 1

    def apply(self) -> None:
        """Replace the weights by their mean."""
        for weight, mean in zip(self._weights, self._means, strict=False):
            weight.copy_(mean)


class _EpochSums:
    """Sums over an epoch, kept on the device: reading them back in every step would stall it."""

    def __init__(self, n_components: int, device: torch.device) -> None:
        self._sums = torch.zeros(5, device=device)
        self._consistency = torch.zeros(3, device=device)
        self._counts = torch.zeros(n_components, device=device)
        self._batches = 0
        self._items = 0

    @torch.no_grad()
    def add(self, terms: ElboTerms, loss: Tensor) -> None:
        q = terms.log_q.exp()
        entropy = -torch.where(q > 0, q * terms.log_q, 0.0).sum(-1)
        means = (loss, terms.reconstruction.mean(), terms.kl_z.mean(), terms.kl_c.mean(), entropy.mean())
        self._sums += torch.stack(means)
        self._counts.index_add_(0, terms.log_q.argmax(-1), torch.ones_like(entropy))
        self._batches += 1
        self._items += len(q)

    @torch.no_grad()
    def add_consistency(self, *terms: Tensor) -> None:
        self._consistency += torch.stack(terms)

    def stats(self, epoch: int, learning_rate: float, started: float, begun: float) -> EpochStats:
        loss, reconstruction, kl_z, kl_c, entropy = (self._sums / self._batches).tolist()
        invariance, balance, contrast = (self._consistency / self._batches).tolist()
        even_share = self._items / len(self._counts)
        now = time.perf_counter()
        return EpochStats(
            epoch=epoch,
            loss=loss,
            reconstruction=reconstruction,
            kl_z=kl_z,
            kl_c=kl_c,
            invariance=invariance,
            balance=balance,
            contrast=contrast,
            live_components=int((self._counts >= _LIVE_SHARE * even_share).sum()),
            assignment_entropy=entropy,
            learning_rate=learning_rate,
            images_per_second=self._items / (now - started),
            seconds=now - begun,
        )
