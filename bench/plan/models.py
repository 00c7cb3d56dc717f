"""Which model is trained and how: the run's settings over the defaults of the objective."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from bench.data.dataset import Dataset
from bench.errors import SettingsError, unknown_name
from bench.plan.defaults import default_epochs
from bench.plan.settings import RunSettings, explain
from gmvae.config import PLAIN, ModelConfig, TrainingConfig, paper_configs
from gmvae.objectives import OBJECTIVES

_MODEL_FIELDS = ("latent_dim", "encoder_layers", "decoder_layers")
_TRAINING_FIELDS = ("epochs", "batch_size", "learning_rate")
# What `--set` may change; the rest has an option of its own or follows from the data.
_SETTABLE_MODEL = ("encoder", "batch_norm")
_SETTABLE_TRAINING = tuple(name for name in TrainingConfig.model_fields if name not in (*_TRAINING_FIELDS, "objective"))
SETTABLE = _SETTABLE_MODEL + _SETTABLE_TRAINING


def configure(settings: RunSettings, dataset: Dataset, n_components: int) -> tuple[ModelConfig, TrainingConfig]:
    """Return model and training for K = `n_components`.

    Objectives with the paper's kind of inference network (`exact`, `sampled`) start from the paper's model and training, the
    others from the defaults of `gmvae.config`; what the settings name wins over both.

    Raises
    ------
    SettingsError
        For an unknown objective, a variant that it does not have, or a value of `--set` that does not fit.
    DataError
        If no two items differ.
    """
    dataset.check_distinct()
    objective = settings.objective or TrainingConfig().objective
    if objective not in OBJECTIVES:
        raise unknown_name("objective", objective, OBJECTIVES)
    n_features = dataset.pool.shape[1]
    of_paper = OBJECTIVES[objective].inference == "structured"
    if of_paper:
        if settings.variant == "invariance":
            raise SettingsError("--variant invariance goes with --objective bayes; the paper's objective is trained plainly")
        model, training = paper_configs(n_features, n_components)
        fields: dict[str, Any] = {"objective": objective}
    else:
        model, training = ModelConfig(n_features=n_features, n_components=n_components), TrainingConfig()
        fields = {"epochs": default_epochs(len(dataset.pool)), "views": dataset.views}
        fields |= PLAIN if settings.variant == "plain" else {}
    model_fields: dict[str, Any] = {"likelihood": dataset.likelihood, "image_shape": dataset.image_shape}
    for name in settings.set:
        if name not in SETTABLE:
            raise unknown_name("name in --set", name, SETTABLE)
    try:
        model = ModelConfig.model_validate(
            model.model_dump() | model_fields | _given(settings, _MODEL_FIELDS) | _set(settings, _SETTABLE_MODEL)
        )
        training = TrainingConfig.model_validate(
            training.model_dump() | fields | _given(settings, _TRAINING_FIELDS) | _set(settings, _SETTABLE_TRAINING)
        )
    except ValidationError as error:
        raise SettingsError("\n".join(explain(detail, "--set ") for detail in error.errors())) from error
    if model.encoder == "conv" and (model.image_shape is None or not model.encoder_layers):
        raise SettingsError(f"--set encoder=conv needs images and a layer after the convolutions; {dataset.name} goes with mlp")
    return model, training


def plain_vae(training: TrainingConfig) -> TrainingConfig:
    """Return the same training for a model of one component: by the bound alone, since there are no clusters to agree on."""
    return training.model_copy(update=PLAIN | {"start": "alike", "reseed": False})


def variant_name(
    configs: tuple[ModelConfig, TrainingConfig],
    named: Iterable[str] = (),
    unset: tuple[ModelConfig, TrainingConfig] | None = None,
) -> str:
    """Return the trained variant's name, as in the records' `model` column.

    `gmvae`, `gmvae+invariance`, `gmvae-exact`, then the fields that `--set` names and changes from `unset`:
    `gmvae+invariance[contrast=0]`. So no two variants share a name, and none has two.
    """
    training = configs[1]
    name = "gmvae" if training.objective == TrainingConfig().objective else f"gmvae-{training.objective}"
    name += "+invariance" if training.needs_views else ""
    values, before = ({} if pair is None else pair[0].model_dump() | pair[1].model_dump() for pair in (configs, unset))
    changed = sorted(key for key in named if unset is None or values[key] != before[key])
    parts = [f"{key}={values[key]:g}" if isinstance(values[key], float) else f"{key}={values[key]}" for key in changed]
    return f"{name}[{','.join(parts)}]" if parts else name


def _set(settings: RunSettings, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in settings.set.items() if name in names}


def _given(settings: RunSettings, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(settings, name)) is not None}
