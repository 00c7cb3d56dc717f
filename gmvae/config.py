"""Frozen settings of a model and of its training; they are saved with the result and identify it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Likelihood = Literal["bernoulli", "gaussian"]
Inference = Literal["structured", "shared"]
ObjectiveName = Literal["exact", "bayes"]
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
    encoder_layers: tuple[Width, ...] = (512, 512)
    """Hidden widths of the inference network's trunk."""
    decoder_layers: tuple[Width, ...] = (512, 512)
    """Hidden widths of p(x|z)."""
    likelihood: Likelihood = "bernoulli"
    """p(x|z): `bernoulli` for values in [0, 1], `gaussian` for any real values."""
    inference: Inference = "shared"
    """`shared`: one q(z|x), and q(c|x) by Bayes' rule. `structured`: q(c|x) and q(z|x,c) with a head per component."""


class TrainingConfig(_Frozen):
    """How a model is trained; no labels anywhere."""

    objective: ObjectiveName = "bayes"
    """The way to sum over components; see `gmvae.objectives`."""
    epochs: int = Field(default=50, ge=1)
    """Passes over the data."""
    batch_size: int = Field(default=256, ge=1)
    """Items per step; capped at the size of the data."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Of Adam."""


def study_configs(n_features: int, n_components: int = 100) -> tuple[ModelConfig, TrainingConfig]:
    """Return the settings of "You Don't Need Many Labels to Learn": 19.5 M parameters at K = 100 and 784 features."""
    model = ModelConfig(
        n_features=n_features,
        n_components=n_components,
        latent_dim=100,
        encoder_layers=(768, 768, 768, 768),
        decoder_layers=(512, 768, 768),
        inference="structured",
    )
    return model, TrainingConfig(objective="exact", epochs=450, batch_size=128, learning_rate=1e-3)
