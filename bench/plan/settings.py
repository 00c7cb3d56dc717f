"""Settings of a run: from defaults, a preset or TOML file, and flags; validated, saved as JSON."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from bench.data.reading import AUTO, Reading
from bench.errors import SettingsError, unknown_name
from bench.plan.limits import Limits
from bench.plan.selection import BY_HAND, joined
from bench.plan.values import Assignments, Columns, Components, Integers, Names, Pack, Ratios, Seeds, Shares, Widths

_MAX_TOML_BYTES = 2**20
READING = tuple(one.name for one in fields(Reading))
"""Settings that say how data are read."""


class RunSettings(BaseModel):
    """Everything that decides what a run does; `None` means: chosen for the data (see `bench.plan.defaults`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    data: str = "digits"
    data_dir: Path | None = None
    label_column: str | None = None
    id_column: str | None = None
    drop_columns: Columns = ()
    feature_columns: Columns = ()
    log_columns: Columns = ()
    missing_label: Columns | None = None
    x: str | None = None
    y: str | None = None
    image_size: Annotated[int, Field(ge=4, le=1024)] | None = None
    color: Literal["auto", "grey"] = "auto"
    max_items: Annotated[int, Field(ge=2)] | None = None
    holdout: str = AUTO
    components: Components | None = None
    model_seeds: Integers = (0, 1, 2)
    budgets: Names | None = None
    label_seeds: Seeds = (0, 1, 2, 3, 4)
    methods: Names | None = None
    samplers: Names = ("random",)
    label_noise: Shares = (0.0,)
    """Shares of labels that name a wrong class, an axis of the grid; so are the next two (`bench.plan.supervision`)."""
    imbalance: Ratios = (1.0,)
    unseen: Integers = (0,)
    limits: Limits = ()
    objective: str | None = None
    variant: Literal["plain", "invariance"] | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=2)] | None = None
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    latent_dim: Annotated[int, Field(ge=1)] | None = None
    encoder_layers: Widths | None = None
    decoder_layers: Widths | None = None
    set: Assignments = {}
    selected_by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The criterion by which a search chose these settings; written into the configuration that it leaves."""
    selection_labels: Annotated[int, Field(ge=0)] | None = None
    """Labels that the choice took."""
    tensorboard: bool = False
    """An old spelling of `log` with tensorboard in it."""
    log: Columns = ()
    """Trackers that hear what is measured (`bench.store.trackers`)."""
    keep_predictions: bool = False
    """Whether to keep what every method says of every item, for metrics that are not in the records."""
    device: str = "auto"
    executor: Literal["ray", "serial"] = "ray"
    address: str = "local"
    storage: str | None = None
    checkpoint_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0
    trial_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    cell_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    pack: Pack = "auto"
    """Models that train side by side at most; `auto`: as many as pay (`bench.engine.packing`)."""
    cpus_per_trial: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    gpus_per_trial: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @property
    def trackers(self) -> tuple[str, ...]:
        """Where else to write what is measured."""
        return tuple(dict.fromkeys((*self.log, *(["tensorboard"] if self.tensorboard else []))))

    @property
    def reading(self) -> Reading:
        """What the user says of the data."""
        return Reading(**{name: getattr(self, name) for name in READING})

    @field_validator("selection_labels")
    @classmethod
    def _both_or_neither(cls, value: int | None, info: ValidationInfo) -> int | None:
        if (value is None) != (info.data.get("selected_by") is None):
            raise ValueError("selected_by and selection_labels go together: how settings were chosen, and what it took")
        return value


# What decides a trained model: if one of these changes, the settings are no longer those that were chosen.
_DECIDING = (
    *("data", *READING, "holdout", "components", "objective", "variant", "epochs", "batch_size", "learning_rate"),
    *("latent_dim", "encoder_layers", "decoder_layers", "set"),
)


def changed_by_hand(chosen: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to add to settings if flags change a choice that a file says a search made; else nothing."""
    if chosen.get("selected_by") is None:
        return {}
    before, after = (make_settings(*layers) for layers in ([chosen], [chosen, flags]))
    if all(getattr(before, name) == getattr(after, name) for name in _DECIDING):
        return {}
    return {"selected_by": joined(before.selected_by, BY_HAND)}


def read_toml(path: Path) -> dict[str, Any]:
    """Return the keys of a TOML file, with `-` in a key read as `_`."""
    try:
        if path.stat().st_size > _MAX_TOML_BYTES:
            raise SettingsError(f"{path} has {path.stat().st_size:,} bytes; a configuration has less than {_MAX_TOML_BYTES:,}")
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    return {key.replace("-", "_"): value for key, value in content.items()}


def make_settings(*layers: Mapping[str, Any]) -> RunSettings:
    """Return validated settings from layers of keys, the later ones over the earlier.

    Raises
    ------
    SettingsError
        For an unknown key (with the nearest valid one) or a value that does not fit.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key in layer:
            if key not in RunSettings.model_fields:
                raise unknown_name("setting", key, RunSettings.model_fields)
        merged |= layer
    try:
        return RunSettings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError("\n".join(explain(detail) for detail in error.errors())) from error


# There may be passwords in them.
_SECRET = ("storage", "study_storage")


def explain(detail: Mapping[str, Any], prefix: str = "--") -> str:
    """Say what is wrong with a value, from one of pydantic's error details: option, what was got, why it does not fit."""
    name, *inner = map(str, detail["loc"])
    # Limits are written in TOML, not as a flag.
    option = ".".join([name, *inner]) if name == "limits" else prefix + (name.replace("_", "-") if prefix == "--" else name)
    reason = detail["msg"].removeprefix("Value error, ")
    got = "a value" if name in _SECRET else repr(detail["input"])
    return f"{option} got {got}: {reason[0].lower()}{reason[1:]}"
