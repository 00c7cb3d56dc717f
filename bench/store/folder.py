"""The run folder as a whole: opening, claiming for one configuration, and what describes it."""

import os
import platform
import re
import shutil
import sys
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.data.dataset import Dataset
from bench.errors import StoreError
from bench.plan.seeds import derive_seed
from bench.store.atomic import read_json, write_json
from bench.store.lock import LOCK, is_locked
from bench.store.presence import MODELS
from bench.store.records import PARTS, TABLE, read_records
from bench.store.sources import package_version
from bench.wording import printable

CONFIG, ENVIRONMENT, DATASET, FIGURES = "config.json", "environment.json", "dataset.json", "figures"
REPORT = "report.html"
# Files of a search.
JOURNAL, JOURNAL_LOCK, BEST = "study.journal", "study.journal.lock", "best.toml"
_EARLIER, _NEARBY = 10, 5
# Names of files have an end.
_LONGEST_STEM = 100
_PACKAGES = (
    "gmvae-bench",
    "torch",
    "torchvision",
    "ray",
    "numpy",
    "scipy",
    "scikit-learn",
    "xgboost",
    "pandas",
    "optuna",
    "pyarrow",
)


@dataclass(frozen=True)
class StoredRun:
    """What a run folder holds."""

    folder: Path
    config: dict[str, Any]
    dataset: dict[str, Any]
    records: pd.DataFrame

    @property
    def exported(self) -> bool:
        """Whether it is a copy for publication (`bench.reading.export`), without models."""
        return bool(self.config.get("exported"))


def default_folder(data: str, identity: Mapping[str, Any], kind: str = "runs") -> Path:
    """Return the default folder of a run or search; every configuration has its own."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(data).stem)[:_LONGEST_STEM]
    return Path("results") / kind / f"{stem}-{derive_seed(*(f'{key}={value}' for key, value in identity.items())):08x}"


def check_claim(folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Return the content of `config.json` for a run of this identity; empty if the folder is new.

    Raises
    ------
    StoreError
        If the folder belongs to another configuration or to something else.
    """
    config = folder / CONFIG
    check_links(folder)
    if config.exists():
        stored = read_json(config)
        if stored.get("exported"):
            raise StoreError(f"{folder} is an exported run, which is only read; give another --out")
        before = stored.get("identity") or {}
        if ("search" in before) != ("search" in identity):
            kind, other = ("search", "run") if "search" in before else ("run", "search")
            raise StoreError(f"{folder} is the folder of a {kind}; give the {other} another --out")
        differing = differing_keys(before, identity)
        if differing:
            changes = ", ".join(f"{key}: {before.get(key)} there, {identity.get(key)} asked" for key in differing)
            raise StoreError(
                f"{folder} belongs to a different configuration ({changes}); give another --out, or the same settings"
            )
        return stored
    if folder.is_file() or (folder.is_dir() and any(path.name != LOCK for path in folder.iterdir())):
        raise StoreError(f"{folder} exists and is not the folder of a run; give another --out")
    return {}


def differing_keys(before: Mapping[str, Any], identity: Mapping[str, Any]) -> list[str]:
    """Return in what two identities of runs differ."""
    return [key for key in sorted({*identity, *before}) if before.get(key) != identity.get(key)]


def claim(folder: Path, identity: dict[str, Any], settings: dict[str, Any], dataset: Dataset) -> str:
    """Make `folder` the run's own, unless it already is; return the run's id, which never changes.

    Parameters
    ----------
    identity
        What must not change within a folder: data, training settings. The grid may grow.
    settings
        All settings, for the reader.

    Raises
    ------
    StoreError
        If the folder belongs to another configuration or to something else.
    """
    stored = check_claim(folder, identity)
    earlier, before = stored.get("earlier_settings", []), stored.get("settings")
    if isinstance(before, dict) and before != settings:
        # Only what the next command changed: long grids would make the file grow without end.
        changed = {key: value for key, value in before.items() if key not in settings or settings[key] != value}
        earlier = [*earlier, changed][-_EARLIER:]
    run_id = str(stored.get("run_id") or uuid.uuid4().hex[:8])
    # The claim comes first: if the process ends after it, the same command can continue.
    write_json(folder / CONFIG, {"run_id": run_id, "identity": identity, "settings": settings, "earlier_settings": earlier})
    write_json(folder / DATASET, dataset.describe())
    write_json(folder / ENVIRONMENT, describe_environment())
    return run_id


def sweep(folder: Path) -> None:
    """Delete temporary files and folders of killed writers; only the holder of the lock may."""
    temporary = (*folder.glob(".*.json-*"), *(folder / MODELS).glob(".*"), *(folder / PARTS).glob(".*"))
    for path in temporary:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def check_links(folder: Path) -> None:
    """Refuse a run folder with symbolic links that lead outside: what is written to it must stay in it.

    Raises
    ------
    StoreError
        If a file or folder of a run is a link that leads outside.
    """
    root = folder.resolve()
    # A walk, not a pattern: a process that works here may make and delete folders meanwhile.
    for parent, folders, names in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *names)):
            # Optuna's lock is a link to the journal, with the path that it had when a killed process made the lock.
            if path.is_symlink() and path.name != JOURNAL_LOCK and not _leads_into(path, root):
                raise StoreError(
                    f"{path} is a link out of the run's folder; replace it by what it points to, or give another --out"
                )


def _leads_into(link: Path, root: Path) -> bool:
    try:
        return link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        # Links that lead to each other.
        return False


def open_run(folder: Path, *, empty: bool = False, columns: Collection[str] | None = None) -> StoredRun:
    """Read a run folder; one that has no records yet only if it may be `empty`. Of records, all columns or some.

    Raises
    ------
    StoreError
        If there is none, it is broken, or it has no records yet.
    """
    if not (folder / CONFIG).is_file():
        raise StoreError(
            f"{folder} is not the folder of a run{'' if folder.exists() else ': it does not exist'}; {_nearby(folder)}"
        )
    check_links(folder)
    config = read_json(folder / CONFIG)
    if "search" in (config.get("identity") or {}):
        raise StoreError(
            f"{folder} is the folder of a search, not of a run; `gmvae-bench run --config {folder / BEST}` runs what it found"
        )
    if not empty and not (folder / TABLE).exists() and not (folder / PARTS).is_dir():
        if is_locked(folder):
            raise StoreError(f"{folder} is at work and has no records yet; `gmvae-bench status` and `watch` say how far it is")
        raise StoreError(f"{folder} has no records yet; repeat `gmvae-bench run` with the same settings to fill it")
    dataset = read_json(folder / DATASET)
    return StoredRun(folder, config, _checked(folder / DATASET, dataset), read_records(folder, tolerant=empty, columns=columns))


def _checked(path: Path, described: dict[str, Any]) -> dict[str, Any]:
    """Return what a run says of its data, fit to be shown; whoever made the folder may have written anything."""
    missing = [key for key in ("name", "n_pool", "n_test", "class_names") if key not in described]
    if missing:
        raise StoreError(f"{path} lacks {', '.join(missing)}; it was written by another version or changed by hand")
    counts, names = described.get("class_counts", []), described["class_names"]
    fits = {
        "name": isinstance(described["name"], str),
        "class_names": isinstance(names, list) and all(isinstance(name, str) for name in names),
        "class_counts": isinstance(counts, list) and all(_is_count(count) for count in counts),
    } | {key: _is_count(described.get(key, 0)) for key in ("n_pool", "n_test", "n_pool_labels_known", "n_features")}
    wrong = [key for key, fit in fits.items() if not fit]
    if wrong:
        raise StoreError(f"{path}: {', '.join(wrong)} of another kind than a run writes; it was changed by hand")
    texts = {key: printable(described[key]) for key in ("name", "note", "pretrained") if isinstance(described.get(key), str)}
    return described | texts | {"class_names": list(map(printable, names))}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def describe_environment() -> dict[str, Any]:
    """Return versions and hardware, for `environment.json`."""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "packages": {name: package_version(name) for name in _PACKAGES},
    }


def _nearby(folder: Path) -> str:
    """Name the runs that somebody may have meant: in the folder, beside it, and where runs are written by themselves."""
    places = [folder, folder.parent, Path("results/runs")]
    with suppress(OSError):
        found = dict.fromkeys(path.parent for place in places for path in sorted(place.glob(f"*/{CONFIG}")) if place.is_dir())
        if found:
            named = ", ".join(str(path) for path in list(found)[:_NEARBY])
            more = f" and {len(found) - _NEARBY:,} more" if len(found) > _NEARBY else ""
            return f"runs nearby: {named}{more}"
    return "give one that `gmvae-bench run` wrote, such as results/runs/NAME"
