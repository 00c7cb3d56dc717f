"""The folder of a suite: `suite.json`, and a run folder for each set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import StoreError
from bench.store.atomic import read_json, write_json
from bench.store.folder import CONFIG
from bench.store.lock import LOCK
from bench.store.records import PARTS, TABLE
from bench.suite.definition import Suite, make_suite

SUITE = "suite.json"


@dataclass(frozen=True)
class StoredSuite:
    """What a suite's folder holds."""

    folder: Path
    suite: Suite
    absent: Mapping[str, str]
    """Sets that the last command left out, and why."""

    @property
    def runs(self) -> dict[str, Path]:
        """The folders of the sets that have one, in the suite's order."""
        return {one.name: self.folder / one.name for one in self.suite.sets if (self.folder / one.name / CONFIG).is_file()}

    @property
    def judged(self) -> dict[str, Path]:
        """Those of the runs that have records: a command that was ended early leaves a folder without."""
        return {name: run for name, run in self.runs.items() if any((run / kept).exists() for kept in (TABLE, PARTS))}


def default_suite_folder(suite: Suite) -> Path:
    """Return where a suite's results go unless the user says otherwise."""
    return Path("results") / "suites" / f"{suite.name}-v{suite.version}"


def check_suite(folder: Path, suite: Suite) -> None:
    """Refuse a folder that is another suite's, or of another version, or something else.

    Raises
    ------
    StoreError
        If it is.
    """
    if is_suite(folder):
        stored = open_suite(folder).suite
        there, asked = (f"{one.name} version {one.version}" for one in (stored, suite))
        if there != asked:
            raise StoreError(f"{folder} holds the suite {there}, and {asked} was asked for; give another --out")
        if stored.fingerprint != suite.fingerprint:
            changes = ", ".join(_changes(stored, suite))
            raise StoreError(
                f"{folder} holds the suite {there}, whose file has changed since ({changes}); give what it is now another "
                "version, and another --out"
            )
        return
    if folder.is_file() or (folder.is_dir() and any(one.name != LOCK for one in folder.iterdir())):
        raise StoreError(f"{folder} exists and is not the folder of a suite; give another --out")


def _changes(stored: Suite, suite: Suite) -> list[str]:
    before, after = ({one.name: one.model_dump(exclude={"about"}) for one in of.sets} for of in (stored, suite))
    changes = [key for key in sorted({*stored.settings, *suite.settings}) if stored.settings.get(key) != suite.settings.get(key)]
    changes += [f"set {name}" for name in {**before, **after} if before.get(name) != after.get(name)]
    return changes or ["the order of its sets"]


def claim_suite(folder: Path, suite: Suite, absent: Mapping[str, str]) -> None:
    """Write what the folder holds.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    write_json(folder / SUITE, {"suite": suite.model_dump(mode="json"), "absent": dict(absent)})


def is_suite(folder: Path) -> bool:
    """Return whether it is the folder of a suite."""
    return (folder / SUITE).is_file()


def open_suite(folder: Path) -> StoredSuite:
    """Read what a suite's folder holds.

    Raises
    ------
    StoreError
        If it is not the folder of a suite, or broken.
    """
    path = folder / SUITE
    if not is_suite(folder):
        raise StoreError(f"{folder} is not the folder of a suite (no {SUITE}); give one that `gmvae-bench suite run` wrote")
    content: dict[str, Any] = read_json(path)
    if not isinstance(content.get("suite"), dict):
        raise StoreError(f"{path} was written by another version, or changed by hand")
    return StoredSuite(folder, make_suite(content["suite"], str(path)), dict(content.get("absent") or {}))
