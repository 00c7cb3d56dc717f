"""From flags and files to validated settings, for every command that trains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cli.state import tell
from bench.data.registry import refuse_idle_folder
from bench.plan.presets import PRESET_ALIASES, read_preset
from bench.plan.settings import RunSettings, changed_by_hand, make_settings, read_toml


def present(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def files(config: Path | None, preset: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keys of a preset and of a configuration file; a preset's old name is accepted, and the user told the new one."""
    if preset in PRESET_ALIASES:
        tell(f"the preset {preset!r} is called {PRESET_ALIASES[preset]!r} now")
    return read_preset(preset) if preset else {}, read_toml(config) if config else {}


def run_settings(flags: Mapping[str, Any], config: Path | None, preset: str | None = None) -> RunSettings:
    """Return the settings of a run: flags over the configuration file over the preset."""
    of_preset, of_file = files(config, preset)
    chosen = of_preset | of_file
    settings = make_settings(chosen, flags, changed_by_hand(chosen, flags))
    # A folder that a file names may be for other data than those of the flags.
    refuse_idle_folder(settings.data, flags.get("data_dir"))
    return settings
