"""Which model is trained and how: the run's settings over the defaults of the objective."""

from typing import Any

from bench.data.dataset import Dataset
from bench.errors import SettingsError, unknown_name
from bench.plan.defaults import default_epochs
from bench.plan.settings import RunSettings
from gmvae.config import PLAIN, ModelConfig, TrainingConfig, study_configs
from gmvae.objectives import OBJECTIVES

STUDY_OBJECTIVE = "exact"
_MODEL_FIELDS = ("latent_dim", "encoder_layers", "decoder_layers")
_TRAINING_FIELDS = ("epochs", "batch_size", "learning_rate")


def configure(settings: RunSettings, dataset: Dataset, n_components: int) -> tuple[ModelConfig, TrainingConfig]:
    """Return model and training for K = `n_components`.

    The objective `exact` starts from the study's model and training, the others from the defaults of `gmvae.config`; what the
    settings name wins over both.

    Raises
    ------
    SettingsError
        For an unknown objective, or a variant that it does not have.
    """
    objective = settings.objective or TrainingConfig().objective
    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    n_features = dataset.pool.shape[1]
    if objective == STUDY_OBJECTIVE:
        if settings.variant == "invariance":
            raise SettingsError("--variant invariance goes with --objective bayes; the study's objective is trained plainly")
        model, training = study_configs(n_features, n_components)
    else:
        model, training = ModelConfig(n_features=n_features, n_components=n_components), TrainingConfig()
    model_fields: dict[str, Any] = {"likelihood": dataset.likelihood, "image_shape": dataset.image_shape}
    training_fields: dict[str, Any] = PLAIN if settings.variant == "plain" else {}
    return (
        ModelConfig.model_validate(model.model_dump() | model_fields | _given(settings, _MODEL_FIELDS)),
        TrainingConfig.model_validate(
            training.model_dump()
            | training_fields
            | ({} if objective == STUDY_OBJECTIVE else {"epochs": default_epochs(len(dataset.pool))})
            | _given(settings, _TRAINING_FIELDS)
        ),
    )


def variant_name(training: TrainingConfig) -> str:
    """Return the trained variant's name, as in the records' `model` column: `gmvae`, `gmvae+invariance`, `gmvae-exact`."""
    name = "gmvae" if training.objective == TrainingConfig().objective else f"gmvae-{training.objective}"
    return f"{name}+invariance" if training.needs_views else name


def _given(settings: RunSettings, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(settings, name)) is not None}
