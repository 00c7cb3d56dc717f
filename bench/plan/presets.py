"""Settings that come with the package, as TOML files."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from bench.errors import unknown_name
from bench.plan.settings import read_toml

PRESET_ALIASES = {"study": "paper"}
"""Old names of presets."""


def all_presets() -> dict[str, Path]:
    """Return the files of all presets by name."""
    folder = Path(str(files("bench.plan") / "preset_files"))
    return {path.stem: path for path in folder.glob("*.toml")}


def read_preset(name: str) -> dict[str, Any]:
    """Return the settings of the preset called `name`."""
    known = all_presets()
    name = PRESET_ALIASES.get(name, name)
    if name not in known:
        raise unknown_name("preset", name, known)
    return read_toml(known[name])
