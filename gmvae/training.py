"""The training loop: no files, no prints, no labels; a callback per epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from gmvae.adam import Adam
from gmvae.augmentation import Augmentation
from gmvae.averaging import WeightAverage
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.consistency import Consistency, ConsistencyTerms
from gmvae.devices import as_tensor, multiplies_bfloat16_fast, resolve_device
from gmvae.errors import CheckpointError, InputError, TrainingDivergedError
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import use_bfloat16
from gmvae.objectives import OBJECTIVES, terms_for
from gmvae.reseeding import reseed
from gmvae.start import start_at_clusters
from gmvae.sums import EpochSums

# A small pool is cut into so many batches, not more: were they smaller, the balance of K components could not be seen in them.
_MIN_BATCHES = 3
# The one-cycle schedule rises over this share of the steps and ends at this share of the peak.
_RISE, _FLOOR = 0.1, 0.02
# Dead components get a new place in this first share of the epochs; later ones would not settle.
_RESEEDING = 0.5


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
    """Spent in training up to here."""
    cpu_seconds: float | None = None
    """Processor time of this process up to here; `None` on an accelerator, of whose time it says nothing."""


@dataclass(frozen=True)
class TrainedModel:
    """A trained model with what made it."""

    model: GaussianMixtureVAE
    training: TrainingConfig
    model_seed: int
    history: tuple[EpochStats, ...]
    feature_names: tuple[str, ...] | None = None
    """Of the columns of the table that it was trained on, if it has names."""


@dataclass(frozen=True)
class TrainingState:
    """An unfinished training between two epochs: all that is needed to go on as if it had never stopped."""

    tensors: dict[str, Tensor]
    """Weights, moments of the optimiser, running mean, and the state of the random numbers; the trainer's own, not copies."""
    step: int
    seconds: float
    """Spent in training so far, by all who had a part in it."""
    averaged_steps: int
    history: tuple[EpochStats, ...]

    @property
    def epoch(self) -> int:
        """The last epoch that was finished."""
        return len(self.history)


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
    resume: TrainingState | None = None,
    on_state: Callable[[TrainingState], None] | None = None,
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
    resume
        Where an earlier call with the same arguments stopped; on CPU the result is that of a call that never stopped.
    on_state
        Called after every epoch but the last with what `resume` takes. It must be written or copied before the call returns.

    Raises
    ------
    InputError
        If data and settings do not fit together.
    CheckpointError
        If `resume` comes from a training with other settings.
    TrainingDivergedError
        If the loss is not finite at the end of an epoch.
    """
    trainer = Trainer(data, config, training, model_seed=model_seed, device=device)
    if resume is not None:
        trainer.restore(resume)
    while trainer.epoch < training.epochs:
        stats = trainer.run_epoch()
        if on_epoch is not None:
            on_epoch(stats)
        if on_state is not None and trainer.epoch < training.epochs:
            on_state(trainer.state())
    return TrainedModel(trainer.snapshot(), training, model_seed, tuple(trainer.history))


class Trainer:
    """One training, epoch by epoch: networks, optimiser, random numbers, and how far it is. Parameters as of `train`."""

    def __init__(
        self, data: np.ndarray, config: ModelConfig, training: TrainingConfig, *, model_seed: int, device: str = "auto"
    ) -> None:
        check_data(data, config)
        needed = OBJECTIVES[training.objective].inference
        if needed != config.inference:
            raise InputError(f"objective {training.objective!r} needs inference={needed!r}, got {config.inference!r}")
        self.training = training
        self.terms = terms_for(training)
        place = resolve_device(device)
        # Initial weights depend on the seed alone, not on the device or on global state.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(model_seed)
            self.model = GaussianMixtureVAE(config)
            self.consistency = Consistency(self.model.encoder.n_hidden)
            self.networks = nn.ModuleList([self.model, self.consistency]).to(place)
        self.augmentation = Augmentation(config.image_shape, training.augmentation, training.views).to(place)
        _learn_standardisation(self.model, data)
        self.items = as_tensor(data).to(place)
        self.generator = torch.Generator(place).manual_seed(model_seed)
        self.batch_size = min(len(data), max(2, min(training.batch_size, len(data) // _MIN_BATCHES)))
        self.steps = training.epochs * (len(data) // self.batch_size)
        self.step = self.epoch = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0 if place.type == "cpu" else None
        self.history: list[EpochStats] = []
        # Two epochs at least follow the start, whatever the share of the warm-up.
        self.warmup_epochs = min(math.ceil(training.warmup * training.epochs), max(0, training.epochs - 2))
        if training.start == "alike":
            self.warmup_epochs = 0
        half = training.precision == "bfloat16" or (training.precision == "auto" and multiplies_bfloat16_fast(place))
        use_bfloat16(self.networks, half)
        if training.compile:
            self.model.encoder.trunk.compile()
            self.model.decoder.compile()
        self.optimiser = Adam(self.networks.parameters(), training.learning_rate)
        self.average = WeightAverage(self.model, training.averaging)
        if training.start == "kmeans" and self.warmup_epochs == 0:
            start_at_clusters(self.model, self.items, self.generator)
            self.average.restart()

    def run_epoch(self, max_steps: int | None = None) -> EpochStats:
        """Pass over the data once, or over the items of `max_steps` batches where a whole pass takes too long to wait for.

        Raises
        ------
        TrainingDivergedError
            If the loss is not finite at the end.
        """
        started, started_cpu = time.perf_counter(), time.process_time()
        self.epoch += 1
        warming_up = self.epoch <= self.warmup_epochs
        self.model.prior.requires_grad_(not warming_up)
        sums = EpochSums(self.model.config.n_components, self.items.device)
        for batch in islice(_batches(len(self.items), self.batch_size, self.generator), max_steps):
            self._set_learning_rate()
            terms, loss, agreement = self._loss(self.model.standardise(self.items[batch]), warming_up)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.average.update()
            sums.add(terms, loss, agreement)
            self.step += 1
        means = sums.means()
        if not math.isfinite(means["loss"]):
            raise TrainingDivergedError(
                f"the loss became {means['loss']} in epoch {self.epoch}; "
                f"lower the learning rate (now {self.training.learning_rate:g})"
            )
        if self.epoch == self.warmup_epochs:
            start_at_clusters(self.model, self.items, self.generator)
            self.average.restart()
        elif self.training.reseed and not warming_up and self.epoch <= _RESEEDING * self.training.epochs:
            reseed(self.model, sums.counts, self.generator)
        seconds = time.perf_counter() - started
        self.seconds += seconds
        if self.cpu_seconds is not None:
            self.cpu_seconds += time.process_time() - started_cpu
        stats = EpochStats(
            epoch=self.epoch,
            **means,
            live_components=sums.live_components(),
            learning_rate=self.optimiser.learning_rate,
            images_per_second=sums.items / seconds,
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
        )
        self.history.append(stats)
        return stats

    def state(self) -> TrainingState:
        """Return what `restore` needs; its tensors change when training goes on."""
        moments = self.optimiser.moments
        tensors = (
            {f"networks.{name}": tensor for name, tensor in self.networks.state_dict().items()}
            | {f"optimiser.{number}.{name}": tensor for number, entry in moments.items() for name, tensor in entry.items()}
            | {f"average.{number}": mean for number, mean in enumerate(self.average.means)}
            | {"generator": self.generator.get_state()}
        )
        return TrainingState(tensors, self.step, self.seconds, self.average.updates, tuple(self.history))

    def restore(self, state: TrainingState) -> None:
        """Go on where another trainer with the same arguments was when it gave its `state`.

        Raises
        ------
        CheckpointError
            If the tensors are not those of this training, which must then not go on.
        """
        own = self.state().tensors
        part = _part(state.tensors, "networks")
        foreign = {f"networks.{name}" for name in part} ^ {name for name in own if name.startswith("networks.")}
        foreign |= {name for name in own.keys() & state.tensors.keys() if own[name].shape != state.tensors[name].shape}
        means = _part(state.tensors, "average")
        if foreign or "generator" not in state.tensors or len(means) != len(self.average.means):
            raise CheckpointError(f"a training with other settings was stopped here; {len(foreign)} tensors are of another form")
        try:
            self.networks.load_state_dict(part)
            moments: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _part(state.tensors, "optimiser").items():
                number, _, kind = name.partition(".")
                moments.setdefault(int(number), {})[kind] = tensor
            self.optimiser.restore(moments)
            self.average.restore([means[str(number)] for number in range(len(means))], state.averaged_steps)
            self.generator.set_state(state.tensors["generator"].cpu())
        except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"what was kept of a training does not fit it ({type(error).__name__})") from error
        self.history = list(state.history)
        self.epoch, self.step, self.seconds = state.epoch, state.step, state.seconds
        if self.history:
            self.cpu_seconds = self.history[-1].cpu_seconds

    def snapshot(self) -> GaussianMixtureVAE:
        """Return a copy of the model with the weights that count, ready for use; training may go on."""
        # Built, not copied: a compiled module cannot be copied, and the trainer's own may be in bfloat16.
        with torch.random.fork_rng(devices=[]):
            model = GaussianMixtureVAE(self.model.config)
        model.load_state_dict(self.model.state_dict())
        self.average.write_to(model)
        return model.to(self.model.device).eval()

    def _loss(self, items: Tensor, warming_up: bool) -> tuple[ElboTerms, Tensor, ConsistencyTerms | None]:
        training = self.training
        n, views = len(items), [self.augmentation(items, self.generator)]
        # During the warm-up components do not exist yet; the contrast helps from the first step on.
        compare = training.contrast > 0 if warming_up else training.needs_views
        if compare:
            views.append(self.augmentation(items, self.generator))
        encoding = self.model.encode(torch.cat(views))
        terms = self.terms(self.model, encoding.first(n), items, self.generator)
        loss = -terms.elbo.mean()
        if not compare:
            return terms, loss, None
        log_q = torch.log_softmax(self.model.component_logits(encoding), dim=-1)
        agreement = self.consistency(encoding.hidden, log_q)
        loss = loss + training.contrast * agreement.contrast
        if not warming_up:
            loss = loss + training.invariance * agreement.invariance + training.balance * agreement.balance
        return terms, loss, agreement

    def _set_learning_rate(self) -> None:
        if self.training.schedule == "one-cycle":
            self.optimiser.learning_rate = self.training.learning_rate * one_cycle(self.step / self.steps)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


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
