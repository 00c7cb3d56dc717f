"""The training loop, of one model or of several side by side: no files, no prints, no labels."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from weakref import proxy

import numpy as np
import torch
from torch import Tensor

from gmvae.adam import MOMENTS, Adam
from gmvae.augmentation import Augmentation
from gmvae.averaging import WeightAverage
from gmvae.config import TrainingConfig
from gmvae.consistency import ConsistencyTerms
from gmvae.devices import as_tensor, multiplies_bfloat16_fast, resolve_device
from gmvae.errors import CheckpointError, InputError, TrainingDivergedError
from gmvae.history import EpochStats, TrainedModel, TrainingState
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import use_bfloat16
from gmvae.noise import Source, Streams, orders
from gmvae.objectives import OBJECTIVES, terms_for
from gmvae.pack.graph import RecordedStep, Step
from gmvae.pack.members import OF_EACH, Member, begin, can_share, can_train_alike, check_data, model_and_consistency, of_each
from gmvae.pack.stacking import part, share, stacked
from gmvae.reseeding import reseed
from gmvae.schedule import one_cycle
from gmvae.start import start_at_clusters
from gmvae.sums import EpochSums

# A small pool is cut into so many batches, not more: were they smaller, the balance of K components could not be seen in them.
_MIN_BATCHES = 3
# Dead components get a new place in this first share of the epochs; later ones would not settle.
_RESEEDING = 0.5
# Steps are recorded there.
_ON_GPU = "cuda"


class Pack:
    """One training of one or several models, epoch by epoch: networks, optimiser, random numbers, and how far it is.

    Parameters
    ----------
    data
        Items (n, n_features), as of `gmvae.training.train`.
    members
        The models. They may differ in seed, in what `Member.training` says and, with the shared inference network, in K.
    training
        Of all of them that name no other.

    Raises
    ------
    InputError
        If data, settings and members do not fit together.
    """

    def __init__(self, data: np.ndarray, members: Sequence[Member], training: TrainingConfig, *, device: str = "auto") -> None:
        if not members:
            raise InputError("got no models to train; expected at least one member")
        configs = [member.config for member in members]
        check_data(data, max(configs, key=lambda config: config.n_components))
        needed, first = OBJECTIVES[training.objective].inference, configs[0]
        if needed != first.inference:
            raise InputError(f"objective {training.objective!r} needs inference={needed!r}, got {first.inference!r}")
        if not all(can_share(first, config) for config in configs):
            raise InputError("models that train side by side may differ in seed and, with a shared q(z|x), in n_components")
        if not all(can_train_alike(training, member.training or training) for member in members):
            raise InputError(f"trainings side by side may differ in {', '.join(OF_EACH)} above 0, and in nothing else")
        self.training = training
        self.terms = terms_for(training)
        place = resolve_device(device)
        self._lanes = begin(members, training, data, place)
        networks = [lane.networks for lane in self._lanes]
        self._several = len(members) > 1
        self.networks = stacked(networks) if self._several else networks[0]
        self._source: Source = self._lanes[0].generator
        if self._several:
            for number, lane in enumerate(self._lanes):
                share(lane.networks, self.networks, number)
            self._source = Streams([lane.generator for lane in self._lanes])
        self.model, self.consistency = model_and_consistency(self.networks)
        self._weights = {name: of_each(self._lanes, name, place) for name in ("contrast", "invariance", "balance")}
        strength = of_each(self._lanes, "augmentation", place)
        self.augmentation = Augmentation(first.image_shape, strength, training.views).to(place)
        self.items = as_tensor(data).to(place)
        self.batch_size = min(len(data), max(2, min(training.batch_size, len(data) // _MIN_BATCHES)))
        self.steps = training.epochs * (len(data) // self.batch_size)
        self.step = self.epoch = 0
        # Share of their peaks that the learning rates have.
        self._rate = 1.0
        # Two epochs at least follow the start, whatever the share of the warm-up.
        self.warmup_epochs = min(math.ceil(training.warmup * training.epochs), max(0, training.epochs - 2))
        if training.start == "alike":
            self.warmup_epochs = 0
        half = training.precision == "bfloat16" or (training.precision == "auto" and multiplies_bfloat16_fast(place))
        for network in (self.networks, *networks):
            use_bfloat16(network, half)
        if training.compile:
            self.model.encoder.trunk.compile()
            self.model.decoder.compile()
        self.optimiser = Adam(self.networks.parameters(), self._rates())
        self.average = WeightAverage(self.model, training.averaging)
        models = [len(members)] if self._several else []
        self._n_components = [config.n_components for config in configs]
        self._sums = EpochSums(models, max(self._n_components), place)
        self._recorded: dict[bool, RecordedStep] = {}
        self._why_not_recorded: str | None = None
        if training.start == "kmeans" and self.warmup_epochs == 0:
            self._start_at_clusters()

    def __len__(self) -> int:
        return len(self._lanes)

    @property
    def errors(self) -> dict[int, TrainingDivergedError]:
        """By the number of a model: why its training ended early."""
        return {number: lane.error for number, lane in enumerate(self._lanes) if lane.error is not None}

    @property
    def why_not_recorded(self) -> str | None:
        """Why steps on a GPU are launched one operation after the other, if they are."""
        return self._why_not_recorded or next((step.why_not for step in self._recorded.values() if step.why_not), None)

    def history(self, number: int = 0) -> list[EpochStats]:
        """Return the epochs of one model."""
        return self._lanes[number].history

    def seconds(self, number: int = 0) -> float:
        """Return the seconds spent on one model: of what is spent on several at once, its share."""
        return self._lanes[number].seconds

    def run_epoch(self, max_steps: int | None = None) -> dict[int, EpochStats]:
        """Pass over the data once, or over the items of `max_steps` batches where a whole pass takes too long to wait for.

        Returns the epoch of every model, by its number, that has not ended early, now or before (`errors`).
        """
        started, started_cpu = time.perf_counter(), time.process_time()
        self.epoch += 1
        warming_up = self.epoch <= self.warmup_epochs
        self.model.prior.requires_grad_(not warming_up)
        self._sums.restart()
        take_step = self._stepper(warming_up)
        for batch in islice(self.batches(), max_steps):
            self._set_rates()
            take_step(batch)
            self._sums.count(self.batch_size)
            self.step += 1
        means = self._sums.means()
        self._note_divergence(means)
        self._after_steps(warming_up)
        lanes = [number for number, lane in enumerate(self._lanes) if lane.error is None]
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
        rate = self._sums.items * len(lanes) / seconds
        live = self._sums.live_components(self._n_components)
        for number in lanes:
            lane = self._lanes[number]
            lane.seconds += seconds / len(lanes)
            if lane.cpu_seconds is not None:
                lane.cpu_seconds += cpu_seconds / len(lanes)
            stats = EpochStats(
                epoch=self.epoch,
                **means[number],
                live_components=live[number],
                learning_rate=lane.training.learning_rate * self._rate,
                images_per_second=rate,
                seconds=lane.seconds,
                cpu_seconds=lane.cpu_seconds,
            )
            lane.history.append(stats)
        return {number: self._lanes[number].history[-1] for number in lanes}

    def state(self, number: int = 0) -> TrainingState:
        """Return what `restore` needs of one model; its tensors change when training goes on."""
        lane = self._lanes[number]
        weights = dict(lane.networks.named_parameters())
        moments = {
            f"optimiser.{place}.{name}": self._own_moment(tensor, name, number, weight.shape)
            for place, weight in enumerate(weights.values())
            for name, tensor in self.optimiser.moments.get(place, {}).items()
        }
        floats = [tensor for tensor in lane.model.state_dict().values() if tensor.is_floating_point()]
        means = {
            f"average.{place}": self._own(mean, number, own.shape)
            for place, (mean, own) in enumerate(zip(self.average.means, floats, strict=False))
        }
        networks = {f"networks.{name}": tensor for name, tensor in lane.networks.state_dict().items()}
        tensors = networks | moments | means | {"generator": lane.generator.get_state()}
        return TrainingState(tensors, self.step, lane.seconds, self.average.updates, tuple(lane.history))

    def restore(self, states: Sequence[TrainingState | None]) -> None:
        """Go on where packs, or single trainings, of the same models were when they gave their `state`.

        Models that an interrupt left behind catch up first. The others stand by, and change nothing that is kept: a pack rounds
        the same whatever else is in it, but not like a smaller one.

        Parameters
        ----------
        states
            One for each model; `None` for one that begins, as all do in a pack that has not trained.

        Raises
        ------
        CheckpointError
            If the tensors are not those of these trainings, which must then not go on.
        """
        if len(states) != len(self):
            raise CheckpointError(f"got states of {len(states)} trainings for {len(self)} models")
        latest = [_copied(self.state(number)) if state is None else state for number, state in enumerate(states)]
        epochs = [state.epoch for state in latest]
        first = latest[epochs.index(max(epochs))]
        while (least := min(epochs)) < first.epoch:
            behind = [number for number, epoch in enumerate(epochs) if epoch == least]
            self._go_to(latest, latest[behind[0]])
            until = min(epoch for epoch in epochs if epoch > least)
            while self.epoch < until:
                self.run_epoch()
            for number in behind:
                latest[number], epochs[number] = _copied(self.state(number)), until
        self._go_to(latest, first)

    def _go_to(self, states: Sequence[TrainingState], like: TrainingState) -> None:
        """Take the states up, each as if it were as far as one of them."""
        for number, state in enumerate(states):
            self._check(state, number)
        try:
            self._restore_tensors([state.tensors for state in states], like)
        except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"what was kept of a training does not fit it ({type(error).__name__})") from error
        self.epoch, self.step = like.epoch, like.step
        # What was recorded reads tensors that are no longer used.
        self._recorded = {}
        for lane, state in zip(self._lanes, states, strict=True):
            lane.history, lane.seconds, lane.error = list(state.history), state.seconds, None
            if state.history:
                lane.cpu_seconds = state.history[-1].cpu_seconds

    def snapshot(self, number: int = 0) -> GaussianMixtureVAE:
        """Return a copy of one model with the weights that count, ready for use; training may go on."""
        # Built, not copied: a compiled module cannot be copied, and the trainer's own may be in bfloat16.
        own = self._lanes[number].model
        with torch.random.fork_rng(devices=[]):
            model = GaussianMixtureVAE(own.config)
        model.load_state_dict(own.state_dict())
        self.average.write_to(model, lambda mean, weight: self._own(mean, number, weight.shape))
        return model.to(own.device).eval()

    def trained(self, number: int = 0) -> TrainedModel:
        """Return one model with what made it.

        Raises
        ------
        TrainingDivergedError
            If its training ended early.
        """
        lane = self._lanes[number]
        if lane.error is not None:
            raise lane.error
        return TrainedModel(
            self.snapshot(number), lane.training, lane.member.model_seed, tuple(lane.history), side_by_side=len(self)
        )

    def _own(self, tensor: Tensor, number: int, shape: torch.Size) -> Tensor:
        """Return one model's part of a tensor of all."""
        return part(tensor, number, shape) if self._several else tensor

    def _own_moment(self, tensor: Tensor, kind: str, number: int, shape: torch.Size) -> Tensor:
        """Return one model's part of what Adam keeps of a parameter, which counts the steps of all at once if it can."""
        if kind == "step":
            return tensor[number] if tensor.ndim else tensor
        return self._own(tensor, number, shape)

    def _stepper(self, warming_up: bool) -> Step:
        if self.items.device.type != _ON_GPU:
            return partial(self.take_step, warming_up=warming_up)
        # Steps of the warm-up are others than those that follow it; their recordings share nothing.
        if warming_up not in self._recorded:
            generators = [lane.generator for lane in self._lanes]
            # The pack holds the recording, which must not hold the pack: its memory would be freed late.
            step = partial(Pack.take_step, proxy(self), warming_up=warming_up)
            self._recorded = {warming_up: RecordedStep(step, generators)}
        recorded = self._recorded[warming_up]
        self._why_not_recorded = self._why_not_recorded or recorded.why_not
        return recorded

    def take_step(self, batch: Tensor, warming_up: bool) -> None:
        """Change the weights once. On a GPU this is recorded: it reads tensors alone, and waits for nothing."""
        terms, loss, agreement = self._loss(self.model.standardise(self.items[batch]), warming_up)
        self.optimiser.zero_grad()
        # Each model's loss reaches its own weights alone.
        loss.sum().backward()
        self.optimiser.step()
        self.average.update()
        self._sums.add(terms, loss, agreement)

    def _loss(self, items: Tensor, warming_up: bool) -> tuple[ElboTerms, Tensor, ConsistencyTerms | None]:
        training, weights = self.training, self._weights
        n, views = items.shape[-2], [self.augmentation(items, self._source)]
        # During the warm-up components do not exist yet; the contrast helps from the first step on.
        compare = training.contrast > 0 if warming_up else training.needs_views
        if compare:
            views.append(self.augmentation(items, self._source))
        encoding = self.model.encode(torch.cat(views, dim=-2))
        terms = self.terms(self.model, encoding.first(n), items, self._source)
        loss = -terms.elbo.mean(-1)
        if not compare:
            return terms, loss, None
        log_q = torch.log_softmax(self.model.component_logits(encoding), dim=-1)
        agreement = self.consistency(encoding.hidden, log_q)
        loss = loss + weights["contrast"] * agreement.contrast
        if not warming_up:
            loss = loss + weights["invariance"] * agreement.invariance + weights["balance"] * agreement.balance
        return terms, loss, agreement

    def batches(self) -> Iterator[Tensor]:
        """Yield shuffled index batches of one size; the few items left over take part in another epoch."""
        n = len(self.items)
        order = orders(self._source, n, self.items.device)
        yield from order[..., : n - n % self.batch_size].split(self.batch_size, dim=-1)

    def _set_rates(self) -> None:
        if self.training.schedule == "one-cycle":
            self._rate = one_cycle(self.step / self.steps)
            self.optimiser.learning_rate = self._rates()
        self.average.advance()

    def _rates(self) -> float | tuple[float, ...]:
        """Return the learning rate of the next step: of all models, or of each if they differ."""
        peaks = [lane.training.learning_rate for lane in self._lanes]
        rates = tuple(peak * self._rate for peak in peaks)
        return rates[0] if len(set(peaks)) == 1 else rates

    def _note_divergence(self, means: Sequence[dict[str, float]]) -> None:
        for lane, of_model in zip(self._lanes, means, strict=True):
            if lane.error is None and not math.isfinite(of_model["loss"]):
                lane.error = TrainingDivergedError(
                    f"the loss became {of_model['loss']} in epoch {self.epoch}; "
                    f"lower the learning rate (now {lane.training.learning_rate:g})"
                )

    def _after_steps(self, warming_up: bool) -> None:
        """Give components places: all of them when the warm-up ends, and those that died in the first half of the epochs."""
        if self.epoch == self.warmup_epochs:
            self._start_at_clusters()
        elif self.training.reseed and not warming_up and self.epoch <= _RESEEDING * self.training.epochs:
            for lane, counts in zip(self._lanes, self._sums.counts(self._n_components), strict=True):
                if lane.error is None:
                    reseed(lane.model, counts, lane.generator)

    def _start_at_clusters(self) -> None:
        for lane in self._lanes:
            if lane.error is None:
                try:
                    start_at_clusters(lane.model, self.items, lane.generator)
                except TrainingDivergedError as error:
                    lane.error = error
        self.average.restart()

    def _check(self, state: TrainingState, number: int) -> None:
        """Refuse tensors that are not those of a model's training."""
        own, kept = self.state(number).tensors, state.tensors
        foreign = {name for name in own.keys() ^ kept.keys() if name.startswith("networks.")}
        foreign |= {name for name in own.keys() & kept.keys() if own[name].shape != kept[name].shape}
        moments = [name.rpartition(".")[::2] for name in _named(kept, "optimiser")]
        places = {place for place, _ in moments}
        whole = {(place, kind) for place in places for kind in MOMENTS} == set(moments)
        if foreign or not whole or "generator" not in kept or len(_named(kept, "average")) != len(self.average.means):
            raise CheckpointError(f"a training with other settings was stopped here; {len(foreign)} tensors are of another form")

    def _restore_tensors(self, states: Sequence[dict[str, Tensor]], like: TrainingState) -> None:
        self.optimiser.moments.clear()
        for number, (lane, tensors) in enumerate(zip(self._lanes, states, strict=True)):
            lane.networks.load_state_dict(_named(tensors, "networks"))
            lane.generator.set_state(tensors["generator"].cpu())
            weights = list(lane.networks.parameters())
            for name, tensor in _named(tensors, "optimiser").items():
                place, _, kind = name.partition(".")
                own = self._own_moment(self.optimiser.moment(int(place), kind), kind, number, weights[int(place)].shape)
                own.copy_(_of_shape(tensor, own))
            for name, tensor in _named(tensors, "average").items():
                own = self._own(self.average.means[int(name)], number, tensor.shape)
                own.copy_(_of_shape(tensor, own))
        for parameter, moments in self.optimiser.moments.items():
            # All models count their steps together.
            if not moments["step"].ndim:
                moments["step"].copy_(like.tensors.get(f"optimiser.{parameter}.step", torch.zeros(())))
        self.average.updates = like.averaged_steps


def _copied(state: TrainingState) -> TrainingState:
    return replace(state, tensors={name: tensor.clone() for name, tensor in state.tensors.items()})


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def _of_shape(tensor: Tensor, own: Tensor) -> Tensor:
    if tensor.shape != own.shape:
        raise ValueError(f"got a tensor of shape {tuple(tensor.shape)}, expected {tuple(own.shape)}")
    return tensor
