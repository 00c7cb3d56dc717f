"""Training without labels: no files, no prints; a callback per epoch."""

from collections.abc import Callable, Sequence

import numpy as np

from gmvae.config import ModelConfig, TrainingConfig
from gmvae.errors import TrainingDivergedError
from gmvae.history import EpochStats, TrainedModel, TrainingState
from gmvae.model import GaussianMixtureVAE
from gmvae.pack.loop import Pack
from gmvae.pack.members import Member, check_data

__all__ = [
    "EpochStats",
    "Member",
    "Pack",
    "TrainedModel",
    "Trainer",
    "TrainingState",
    "check_data",
    "train",
    "train_pack",
]


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
    return trainer.trained()


def train_pack(
    data: np.ndarray,
    members: Sequence[Member],
    training: TrainingConfig,
    *,
    device: str = "auto",
    on_epoch: Callable[[int, EpochStats], None] | None = None,
    resume: Sequence[TrainingState | None] | None = None,
    on_states: Callable[[Pack], None] | None = None,
) -> list[TrainedModel | TrainingDivergedError]:
    """Train several models side by side; on CPU each is what `train` makes of it alone, but for rounding.

    Parameters
    ----------
    data
        As of `train`; all models see it.
    members
        The models, of one form: they may differ in seed, in the weights and rate of their trainings (`Member.training`) and, with
        a shared q(z|x), in K.
    on_epoch
        Called after every epoch with the number of each model that has not diverged.
    resume
        Where earlier calls, of this function or of `train`, stopped: a state for each model, `None` for one that begins. Those
        that were left behind catch up first.
    on_states
        Called after every epoch but the last with what gives the models' states (`Pack.state`).

    Returns
    -------
    list
        For each model what was trained, or why it was not: one that diverges leaves the others alone.

    Raises
    ------
    InputError
        If data, members and settings do not fit together.
    CheckpointError
        If `resume` comes from trainings with other settings.
    """
    pack = Pack(data, members, training, device=device)
    if resume is not None:
        pack.restore(resume)
    while pack.epoch < training.epochs and len(pack.errors) < len(pack):
        epochs = pack.run_epoch()
        for number, stats in epochs.items():
            if on_epoch is not None:
                on_epoch(number, stats)
        if on_states is not None and epochs and pack.epoch < training.epochs:
            on_states(pack)
    return [pack.errors.get(number) or pack.trained(number) for number in range(len(pack))]


class Trainer:
    """One training, epoch by epoch: a pack of one. Parameters as of `train`."""

    def __init__(
        self, data: np.ndarray, config: ModelConfig, training: TrainingConfig, *, model_seed: int, device: str = "auto"
    ) -> None:
        self._pack = Pack(data, [Member(config, model_seed)], training, device=device)

    @property
    def model(self) -> GaussianMixtureVAE:
        """The model in training; see `snapshot`."""
        return self._pack.model

    @property
    def epoch(self) -> int:
        """The last epoch that was begun."""
        return self._pack.epoch

    @property
    def step(self) -> int:
        """Steps that were taken."""
        return self._pack.step

    @property
    def seconds(self) -> float:
        """Spent in training so far."""
        return self._pack.seconds()

    @property
    def cpu_seconds(self) -> float | None:
        """Processor time spent in training so far; `None` on an accelerator, or before the first epoch."""
        return self.history[-1].cpu_seconds if self.history else None

    @property
    def history(self) -> list[EpochStats]:
        """All epochs so far."""
        return self._pack.history()

    def run_epoch(self, max_steps: int | None = None) -> EpochStats:
        """Pass over the data once, or over the items of `max_steps` batches where a whole pass takes too long to wait for.

        Raises
        ------
        TrainingDivergedError
            If the loss is not finite at the end.
        """
        epochs = self._pack.run_epoch(max_steps)
        if self._pack.errors:
            raise self._pack.errors[0]
        return epochs[0]

    def state(self) -> TrainingState:
        """Return what `restore` needs; its tensors change when training goes on."""
        return self._pack.state()

    def restore(self, state: TrainingState) -> None:
        """Go on where another trainer with the same arguments was when it gave its `state`.

        Raises
        ------
        CheckpointError
            If the tensors are not those of this training, which must then not go on.
        """
        self._pack.restore([state])

    def snapshot(self) -> GaussianMixtureVAE:
        """Return a copy of the model with the weights that count, ready for use; training may go on."""
        return self._pack.snapshot()

    def trained(self) -> TrainedModel:
        """Return that copy with what made it."""
        return self._pack.trained()
