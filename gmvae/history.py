"""What a training says of itself: each epoch, the model at the end, and where it stands in between."""

from dataclasses import dataclass

from torch import Tensor

from gmvae.config import TrainingConfig
from gmvae.model import GaussianMixtureVAE


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
    """Of all models that train side by side."""
    seconds: float
    """Spent in training up to here; of models that train side by side, each has its share."""
    cpu_seconds: float | None = None
    """Processor time of this process up to here, likewise; `None` on an accelerator, of whose time it says nothing."""


@dataclass(frozen=True)
class TrainedModel:
    """A trained model with what made it."""

    model: GaussianMixtureVAE
    training: TrainingConfig
    model_seed: int
    history: tuple[EpochStats, ...]
    feature_names: tuple[str, ...] | None = None
    """Of the columns of the table that it was trained on, if it has names."""
    side_by_side: int = 1
    """Models that trained as one with it; their rounding differs from that of one alone."""


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
