"""Uniting runs of the same identity: two machines, or two people, one result."""

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import SettingsError, StoreError, number_of
from bench.store.atomic import read_json, write_atomically, write_json
from bench.store.folder import CONFIG, DATASET, ENVIRONMENT, StoredRun, check_claim, differing_keys, open_run, sweep
from bench.store.lock import is_locked, locked
from bench.store.predictions import merge_predictions
from bench.store.presence import is_exported, is_trained, model_folder, model_keys
from bench.store.records import KEY, SCHEMA, TABLE, stored_records, united
from gmvae.checkpoint import new_folder
from gmvae.disk import HISTORY

# Axes of the grid, of which the union is taken.
_AXES = ("components", "model_seeds", "budgets", "label_seeds", "methods", "samplers", "label_noise", "imbalance", "unseen")

# What runs of before there were these axes had.
_CLEAN_AXES: Mapping[str, list[float]] = {"label_noise": [0.0], "imbalance": [1.0], "unseen": [0]}


@dataclass(frozen=True)
class Merged:
    """What came together."""

    n_records: int
    n_models: int
    n_both: int
    """Cells that more than one of the runs had finished."""
    n_different: int
    """Those of them whose accuracy is not the same."""
    n_other_models: int
    """Models of the same seed that came out otherwise in another run: on other hardware, for example."""


def merge_runs(sources: Sequence[Path], out: Path) -> Merged:
    """Unite runs in a new folder, or in one that holds a run of the same identity.

    Of a cell that several have finished, the record of the last of them counts. Exported runs make an exported run.

    Raises
    ------
    StoreError
        If a folder is not that of a run, is in use, or one differs from the first in data or training.
    SettingsError
        If exported runs are mixed with others.
    """
    runs = check_sources(sources)
    exported = runs[0].exported
    if exported:
        if (out / CONFIG).exists():
            raise StoreError(f"{out} holds a run; give exported runs a new --out")
    else:
        check_claim(out, runs[0].config.get("identity") or {})
    with locked(out):
        sweep(out)
        if (out / TABLE).exists():
            runs = [open_run(out), *runs]
        return _write(runs, out)


def check_sources(sources: Sequence[Path]) -> list[StoredRun]:
    """Open runs that are to be united.

    Raises
    ------
    StoreError, SettingsError
        As for `merge_runs`.
    """
    runs = [open_run(folder) for folder in sources]
    for run in runs:
        _check_same(runs[0], run)
    return runs


def _check_same(first: StoredRun, run: StoredRun) -> None:
    if is_locked(run.folder):
        raise StoreError(f"a process is running in {run.folder}; wait for it")
    if run.exported != first.exported:
        raise SettingsError("an exported run has no models: merge exported runs with each other, or runs with each other")
    before, there = (one.config.get("identity") or {} for one in (first, run))
    differing = differing_keys(before, there)
    if differing:
        changes = ", ".join(f"{key}: {before.get(key)} in {first.folder}, {there.get(key)} in {run.folder}" for key in differing)
        raise StoreError(f"only runs on the same data with the same training can be merged; these differ in {changes}")


def _write(runs: Sequence[StoredRun], out: Path) -> Merged:
    first = runs[0]
    if not (out / CONFIG).exists():
        settings = _settings([run.config.get("settings") or {} for run in runs])
        # A run of its own: with the id of the first, the two would share checkpoints in one storage.
        write_json(out / CONFIG, {**first.config, "run_id": uuid.uuid4().hex[:8], "settings": settings})
        for name in (DATASET, ENVIRONMENT):
            if (first.folder / name).is_file():
                write_json(out / name, read_json(first.folder / name))
    else:
        config = read_json(out / CONFIG)
        write_json(out / CONFIG, {**config, "settings": _settings([run.config.get("settings") or {} for run in runs])})
    n_models, n_other_models = _copy_models(runs, out)
    merge_predictions(out, *(run.folder for run in runs if run.folder != out))
    # Records last: what they rest on is there by then.
    frame = united([stored_records(run.folder) for run in runs])
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
    write_atomically(out / TABLE, lambda path: pq.write_table(table, path))
    n_both, n_different = _overlap([run.records for run in runs if run.folder != out])
    return Merged(len(frame), n_models, n_both, n_different, n_other_models)


def _settings(of_runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the first run's settings with the union of the grids."""
    settings = dict(of_runs[0])
    for name in _AXES:
        values = [one.get(name) for one in of_runs]
        if name in _CLEAN_AXES:
            values = [_CLEAN_AXES[name] if value is None else value for value in values]
        if all(isinstance(value, list) for value in values):
            settings[name] = list(dict.fromkeys(item for value in values if value for item in value))
    if any(one.get("limits") != settings.get("limits") for one in of_runs):
        settings["limits"] = []
    return settings


def _copy_models(runs: Sequence[StoredRun], out: Path) -> tuple[int, int]:
    """Copy models, of each the first; return how many there are, and how many others of the same seed differ."""
    others = 0
    complete: Callable[..., bool] = is_exported if runs[0].exported else is_trained
    for run in runs:
        for key in model_keys(run.folder):
            if not complete(run.folder, key):
                continue
            if complete(out, key):
                files = [model_folder(folder, key) / HISTORY for folder in (run.folder, out)]
                others += not _same_losses(*files)
            else:
                with new_folder(model_folder(out, key)) as staging:
                    shutil.copytree(model_folder(run.folder, key), staging, dirs_exist_ok=True)
    return len(model_keys(out)), others


def _same_losses(one: Path, other: Path) -> bool:
    """Return whether two trainings went the same way."""
    losses = [pd.read_csv(path)["loss"].to_numpy() for path in (one, other)]
    return losses[0].tolist() == losses[1].tolist()


def _overlap(records: Sequence[pd.DataFrame]) -> tuple[int, int]:
    """Return how many cells several runs have finished, and how many of those differ in accuracy."""
    finished = pd.concat([frame[frame["status"] == "ok"] for frame in records])
    cells = finished.groupby(list(KEY), dropna=False)["accuracy"].agg(["size", "nunique"])
    several = cells[cells["size"] > 1]
    return len(several), int((several["nunique"] > 1).sum())


def merged_text(merged: Merged) -> str:
    """Say what came together."""
    said = f"{number_of(merged.n_records, 'record')} and {number_of(merged.n_models, 'model')}"
    if merged.n_both:
        said += f"; {number_of(merged.n_both, 'cell')} in more than one run"
        said += (
            f", {merged.n_different:,} with other scores: the last one counts" if merged.n_different else ", with the same scores"
        )
    if merged.n_other_models:
        said += f"; {number_of(merged.n_other_models, 'model')} came out otherwise in another run: the first one is kept"
    return said
