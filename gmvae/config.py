"""Frozen settings of a model and of its training; they are saved with the result and identify it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Likelihood = Literal["bernoulli", "gaussian"]
Inference = Literal["structured", "shared"]
ObjectiveName = Literal["exact", "sampled", "bayes"]
EncoderName = Literal["mlp", "conv"]
Views = Literal["warp", "photo"]
Width = Annotated[int, Field(ge=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(_Frozen):
    """Sizes of the generative model and of its inference network."""

    n_features: int = Field(ge=1)
    """Values per item: 784 for a 28 x 28 image."""
    n_components: int = Field(default=100, ge=1)
    """K, the number of mixture components in latent space."""
    latent_dim: int = Field(default=16, ge=1)
    """Dimensions of z."""
    encoder: EncoderName = "mlp"
    """`conv` puts three strided convolutions before the layers of the inference network; for images."""
    encoder_layers: tuple[Width, ...] = (512, 512)
    """Hidden widths of the inference network's trunk."""
    decoder_layers: tuple[Width, ...] = (512, 512)
    """Hidden widths of p(x|z)."""
    batch_norm: bool = True
    """Whether the inference network normalises its layers over the batch."""
    likelihood: Likelihood = "bernoulli"
    """p(x|z): `bernoulli` for values in [0, 1], `gaussian` for any real values."""
    image_shape: tuple[Width, Width] | tuple[Width, Width, Width] | None = None
    """Height and width, and the number of colours if there are several, when an item is an image; augmentation and convolutions
    need it. The colours of a pixel lie side by side."""
    inference: Inference = "shared"
    """`shared`: one q(z|x), and q(c|x) by Bayes' rule. `structured`: q(c|x) and q(z|x,c) with a head per component."""


class TrainingConfig(_Frozen):
    """How a model is trained; no labels anywhere."""

    objective: ObjectiveName = "bayes"
    """The way to sum over components; see `gmvae.objectives`."""
    summed_components: int = Field(default=4, ge=1)
    """Likeliest components that the objective `sampled` sums; one more is drawn from the others."""
    epochs: int = Field(default=50, ge=1)
    """Passes over the data."""
    batch_size: int = Field(default=256, ge=2)
    """Items per step; capped at a third of the data, so that small pools see enough steps."""
    learning_rate: float = Field(default=3e-3, gt=0, allow_inf_nan=False)
    """Of Adam; the peak when the schedule is `one-cycle`."""
    schedule: Literal["constant", "one-cycle"] = "one-cycle"
    """`one-cycle`: linear rise over a tenth of the steps, then a cosine to 2 % of the peak (Smith & Topin 2019)."""
    start: Literal["alike", "kmeans"] = "kmeans"
    """`alike`: all components near the origin. `kmeans`: at the clusters of latent means after a warm-up as a plain VAE."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the epochs spent as a plain VAE before a `kmeans` start."""
    reseed: bool = True
    """Whether a component that almost no item chooses is put into the largest one (`gmvae.reseeding`)."""
    augmentation: float = Field(default=1.0, ge=0)
    """Strength of the random views that the encoder sees (`gmvae.augmentation`); the clean item is reconstructed. 0: none."""
    views: Views = "warp"
    """Kind of the views of images: `warp` for what is written or drawn, `photo` for photographs. Vectors have one kind."""
    invariance: float = Field(default=16.0, ge=0)
    """Weight of the cross-entropy between q(c|x) of two augmented views (`gmvae.consistency`)."""
    balance: float = Field(default=32.0, ge=0)
    """Weight of the entropy of mean q(c|x), which keeps all components in use."""
    contrast: float = Field(default=20.0, ge=0)
    """Weight of the contrastive term between two views' features."""
    averaging: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the running mean of weights that becomes the trained model; 0 keeps the last weights."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the wide matrix products in training; `auto`: bfloat16 where the hardware multiplies it faster. Losses stay float32."""
    compile: bool = False
    """Whether `torch.compile` fuses the networks' operations; needs a C++ compiler on CPU, and minutes to begin."""

    @property
    def needs_views(self) -> bool:
        """Whether training compares two views of each item."""
        return self.invariance > 0 or self.balance > 0 or self.contrast > 0


PLAIN: dict[str, Any] = {"augmentation": 0.0, "invariance": 0.0, "balance": 0.0, "contrast": 0.0}
"""Training by the evidence lower bound alone, as a set of fields of `TrainingConfig`."""

PAPER_EPOCHS = 450
PAPER_TRAINING: dict[str, Any] = PLAIN | {
    "objective": "exact",
    "batch_size": 128,
    "learning_rate": 1e-3,
    "schedule": "constant",
    "start": "alike",
    "reseed": False,
    "averaging": 0.0,
    "precision": "float32",
}
"""The paper's training, as a set of fields of `TrainingConfig`."""


def paper_configs(n_features: int, n_components: int = 100) -> tuple[ModelConfig, TrainingConfig]:
    """Return the settings of "You Don't Need Many Labels to Learn": 19.5 M parameters at K = 100 and 784 features."""
    model = ModelConfig(
        n_features=n_features,
        n_components=n_components,
        latent_dim=100,
        encoder_layers=(768, 768, 768, 768),
        decoder_layers=(512, 768, 768),
        batch_norm=False,
        inference="structured",
    )
    return model, TrainingConfig(epochs=PAPER_EPOCHS, **PAPER_TRAINING)
