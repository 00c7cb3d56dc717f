"""Settings of a search, and the space that is searched where the user names none."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bench.data.dataset import Dataset
from bench.errors import SettingsError, unknown_name
from bench.plan.defaults import default_components
from bench.plan.models import configure
from bench.plan.settings import RunSettings, explain, make_settings
from bench.plan.values import Names, parse_names
from bench.search.space import DECODING, Choices, Domain, Space, Value, applied, make_space, parse_space
from gmvae.config import ModelConfig, TrainingConfig

Algorithm = Literal["tpe", "random", "gp", "cma-es", "nsga-ii"]
# Around the defaults of `TrainingConfig`: a factor of four below and above, or as far as makes sense.
_WEIGHTS = {"invariance": "float(4,64,log)", "balance": "float(8,128,log)", "contrast": "float(5,80,log)"}
_SPREAD = 2
_HELD_OUT_SHARE, _HELD_OUT_MOST = 0.1, 5_000


class SearchSettings(BaseModel):
    """Settings of a search besides those of its trainings (`RunSettings`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    criterion: Names = ("invariance",)
    """Criteria to optimise: one, or two for a Pareto front. The default reads no labels, and picks good
    models (`results/search`)."""
    watch: Annotated[tuple[str, ...], BeforeValidator(parse_names)] = ()
    """Criteria that are measured at the end of every trial, and steer nothing."""
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    """Trials that the study should have in total."""
    algorithm: Algorithm = "tpe"
    search_seed: Annotated[int, Field(ge=0)] = 0
    label_seed: Annotated[int, Field(ge=0)] = 0
    """The draw of labels that `accuracy@N` sees: that of the same label seed in `run`."""
    pruning: Literal["asha", "none"] = "asha"
    space: Annotated[dict[str, Any], BeforeValidator(parse_space)] = {}
    study: Annotated[str, Field(min_length=1)] = "gmvae-bench"
    study_storage: str | None = None
    """URL of Optuna's storage; without one, a journal in the search's folder."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Trials at once; `None`: as many as there are CPUs or GPUs for."""


def make_search_settings(*layers: Mapping[str, Any]) -> SearchSettings:
    """Return validated settings from layers of keys, the later ones over the earlier.

    Raises
    ------
    SettingsError
        For an unknown key or a value that does not fit.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if key not in SearchSettings.model_fields:
                raise unknown_name("setting in [search]", key, SearchSettings.model_fields)
            merged[key] = value
    try:
        return SearchSettings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError("\n".join(explain(detail) for detail in error.errors())) from error


def searched_space(search: SearchSettings, settings: RunSettings, dataset: Dataset, *, with_labels: bool) -> dict[str, Domain]:
    """Return the space to search: the one named, else a default without what the settings fix, every corner of it checked.

    Parameters
    ----------
    with_labels
        Whether labels judge the trials; without them the way of decoding cannot be chosen.

    Raises
    ------
    SettingsError
        If some value in the space makes no valid training.
    """
    space = make_space(search.space or _default_expressions(settings, dataset, with_labels=with_labels))
    if DECODING in space and not with_labels:
        raise SettingsError(
            f"--space {DECODING}: a criterion without labels cannot tell ways of decoding apart; use accuracy@N, or drop it"
        )
    for name in space:
        fixed = settings.set if name in settings.set else {name: getattr(settings, name, None)}
        if search.space and fixed.get(name) is not None:
            raise SettingsError(f"--space searches {name}, which is also fixed at {fixed[name]!r}; drop one of the two")
    for name, domain in space.items():
        for value in domain.samples:
            if name != DECODING:
                try:
                    configured(settings, {name: value}, dataset)
                except SettingsError as error:
                    raise SettingsError(f"--space {name}={domain} holds {value!r}: {error}") from error
    return space


def configured(
    settings: RunSettings, parameters: Mapping[str, Value], dataset: Dataset
) -> tuple[RunSettings, ModelConfig, TrainingConfig]:
    """Return the settings of a trial, its model and its training.

    Raises
    ------
    SettingsError
        If the parameters do not fit together, or not the data.
    """
    chosen = make_settings(settings.model_dump(), applied(settings, parameters))
    components = chosen.components or default_components(len(dataset.pool), dataset.n_distinct)
    if len(components) > 1:
        raise SettingsError(f"--components got {','.join(map(str, components))}; a search tries one, or --space components=…")
    trained = len(dataset.pool) - n_held_out(len(dataset.pool))
    if components[0] > trained:
        raise SettingsError(f"{components[0]} components for {trained:,} items to train on; use fewer")
    return chosen, *configure(chosen, dataset, components[0])


def default_parameters(space: Space, settings: RunSettings, dataset: Dataset, decoding: str) -> dict[str, Value]:
    """Return the values of the searched parameters without a search, whether or not they lie in the space."""
    _, model, training = configured(settings, {}, dataset)
    known = model.model_dump() | training.model_dump() | {DECODING: decoding, "components": model.n_components}
    known["variant"] = "invariance" if training.needs_views else "plain"
    values = {name: ",".join(map(str, value)) if isinstance(value, tuple) else value for name, value in known.items()}
    return {name: values[name] for name in space}


def first_parameters(space: Space, defaults: Mapping[str, Value]) -> dict[str, Value]:
    """Return those defaults that lie in the space: the first trial has them."""
    return {name: value for name, value in defaults.items() if _lies_in(space[name], value)}


def n_held_out(n: int) -> int:
    """Return how many of n items no trial trains on: a tenth, at most 5,000."""
    return max(1, min(_HELD_OUT_MOST, round(n * _HELD_OUT_SHARE)))


def _default_expressions(settings: RunSettings, dataset: Dataset, *, with_labels: bool) -> dict[str, str]:
    _, model, training = configured(settings, {}, dataset)
    k, z = model.n_components, model.latent_dim
    most = min(_SPREAD * k, len(dataset.pool) // _SPREAD)
    expressions = {
        "components": f"int({max(2, k // _SPREAD)},{max(3, most)},log)",
        "latent_dim": f"int({max(2, z // _SPREAD)},{2 * _SPREAD * z},log)",
        "learning_rate": f"float({training.learning_rate / 3:.1g},{training.learning_rate * 3:.1g},log)",
    }
    if training.needs_views:
        expressions |= _WEIGHTS
        if training.augmentation > 0:
            expressions["augmentation"] = "float(0.5,1.5)"
    if with_labels:
        expressions[DECODING] = "choice(soft,soft-bayes,hard-fallback)"
    fixed = {name for name in expressions if getattr(settings, name, None) is not None} | set(settings.set)
    return {name: expression for name, expression in expressions.items() if name not in fixed}


def _lies_in(domain: Domain, value: Any) -> bool:
    if isinstance(domain, Choices):
        return value in domain.values
    if not isinstance(value, (int, float)) or not domain.low <= value <= domain.high:
        return False
    return not domain.step or ((value - domain.low) / domain.step).is_integer()
