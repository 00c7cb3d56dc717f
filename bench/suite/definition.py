"""What a suite is: a versioned TOML file that names data sets, with the settings of their runs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.data.registry import all_datasets
from bench.errors import SettingsError, unknown_name
from bench.plan.settings import RunSettings, explain, read_toml

_SUFFIX = ".toml"
# What a suite leaves to the command: where it runs, and on which data.
_ELSEWHERE = (
    "data",
    "data_dir",
    "executor",
    "address",
    "storage",
    "device",
    "tensorboard",
    "log",
    "selected_by",
    "selection_labels",
)
# What one cluster gives to every training alike.
_OF_ALL = ("pack", "cpus_per_trial", "gpus_per_trial")
_SHOWN = 12

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


class SuiteSet(BaseModel):
    """One data set of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    """Of its folder and its row in tables."""
    data: str
    """As for `run --data`; a relative path begins at the suite's file, or at `--data-dir` where there is nothing."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Fingerprint of the data as they are read: with others the set is left out."""
    about: str = ""
    settings: dict[str, Any] = {}
    """Keys of a run's settings for this set alone."""


class Suite(BaseModel):
    """Data sets, and how each is run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    version: Annotated[int, Field(ge=1)]
    """Increase it when sets or settings change: results of two versions are not mixed."""
    about: str = ""
    settings: dict[str, Any] = {}
    """Keys of a run's settings for all sets."""
    sets: Annotated[tuple[SuiteSet, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _sort_keys(cls, value: Any) -> Any:
        """Tell a suite's own keys from those of runs, here and in each set."""
        if not isinstance(value, dict):
            return value
        sorted_ = _split(value, cls)
        sets = sorted_.get("sets", [])
        if not isinstance(sets, (list, tuple)) or not all(isinstance(one, dict) for one in sets):
            raise ValueError("sets are tables; begin each with a line [[sets]]")
        return sorted_ | {
            "sets": [_named(_split({key.replace("-", "_"): item for key, item in one.items()}, SuiteSet)) for one in sets]
        }

    @field_validator("sets")
    @classmethod
    def _refuse_twins(cls, value: tuple[SuiteSet, ...]) -> tuple[SuiteSet, ...]:
        names = [one.name for one in value]
        twin = next((name for name in names if names.count(name) > 1), None)
        if twin is not None:
            raise ValueError(f"two sets are called {twin!r}; give each a name of its own")
        return value

    @property
    def fingerprint(self) -> str:
        """Changes with anything that a version stands for; the same on every machine."""
        content = self.model_dump(mode="json", exclude={"about": True, "sets": {"__all__": {"about"}}})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_SHOWN]


@dataclass(frozen=True)
class FoundSuite:
    """A suite, and where its relative paths begin."""

    suite: Suite
    folder: Path

    def settings_of(self, one: SuiteSet, data_dir: Path | None, flags: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys of a set's run: the flags over the set's over the suite's."""
        source = all_datasets().get(one.data)
        folder = {"data_dir": data_dir} if data_dir is not None and source is not None and source.in_folder else {}
        data = one.data if source is not None else str(self._place(one.data, data_dir))
        return {**self.suite.settings, **one.settings, **flags, "data": data, **folder}

    def _place(self, data: str, data_dir: Path | None) -> Path:
        """Return where a file lies: beside the suite's own, else in the folder of data."""
        beside = self.folder / data
        return beside if data_dir is None or beside.exists() else data_dir / data


def _split(keys: Mapping[str, Any], kind: type[BaseModel]) -> dict[str, Any]:
    if not isinstance(keys.get("settings", {}), dict):
        raise ValueError("settings are a table of a run's settings")
    own = {key: value for key, value in keys.items() if key in kind.model_fields and key != "settings"}
    rest = {key: value for key, value in keys.items() if key not in own and key != "settings"} | dict(keys.get("settings", {}))
    for key in rest:
        left = _ELSEWHERE if kind is Suite else (*_ELSEWHERE, *_OF_ALL)
        if key not in RunSettings.model_fields or key in left:
            allowed = [*kind.model_fields, *(name for name in RunSettings.model_fields if name not in left)]
            raise ValueError(str(unknown_name(f"key of a {'suite' if kind is Suite else 'set'}", key, allowed)))
    return own | {"settings": rest}


def _named(keys: dict[str, Any]) -> dict[str, Any]:
    return {"name": Path(str(keys["data"])).name.partition(".")[0], **keys} if "data" in keys else keys


def built_in() -> dict[str, Path]:
    """Return the suites that come with the package."""
    folder = Path(str(files("bench.suite") / "files"))
    return {path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def find_suite(asked: str) -> FoundSuite:
    """Return a suite by its name or file.

    Raises
    ------
    SettingsError
        If there is none, or it is not valid.
    """
    path, known = Path(asked), built_in()
    if asked in known:
        path = known[asked]
    elif path.suffix != _SUFFIX:
        error = unknown_name("suite", asked, known)
        raise type(error)(f"{error}, or a {_SUFFIX} file")
    return FoundSuite(make_suite(read_toml(path), str(path)), path.parent.resolve())


def make_suite(keys: Mapping[str, Any], origin: str) -> Suite:
    """Return a validated suite from the keys of its file.

    Raises
    ------
    SettingsError
        For an unknown key, or a value that does not fit.
    """
    try:
        return Suite.model_validate(dict(keys))
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_explain(error.errors()[0])}") from error


def _explain(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{'.'.join(map(str, detail['loc']))} is missing"
    return explain(detail, prefix="")
