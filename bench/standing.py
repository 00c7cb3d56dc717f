"""How far a run is: what its last command asked for, beside what its folder holds."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.judge.identity import cell_id, training_fingerprint
from bench.judge.methods import all_methods
from bench.judge.record import Origin
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import Cell, CellKey, ModelKey, expand_cells
from bench.plan.limits import Limit, within_limits
from bench.plan.samplers import RANDOM, all_samplers, select_samplers
from bench.store.folder import StoredRun
from bench.store.lock import is_locked
from bench.store.presence import is_trained
from bench.store.progress import Progress, read_progress
from bench.store.records import broken_files, record_keys, status_of


@dataclass(frozen=True)
class MethodStanding:
    """Cells of one method."""

    method: str
    done: int
    running: int
    failed: int
    missing: int
    """Not judged yet, and no worker has them."""


@dataclass(frozen=True)
class Standing:
    """How far a run is."""

    methods: tuple[MethodStanding, ...]
    trained: tuple[str, ...]
    untrained: tuple[str, ...]
    """Models that methods of the last command need and that are not in the folder."""
    progress: Progress | None
    """What the process that works in the folder, or died there, said last."""
    running: bool
    """Whether a process works in the folder now."""
    causes: tuple[tuple[str, str, int], ...]
    """Method, error and cells of failures, the most frequent first."""
    elsewhere: int
    """Records of cells that earlier commands asked for, and the last did not."""
    broken: int
    """Files of records that cannot be read."""
    readable: bool = True
    """Whether the last command's settings say here what it asked for; a plug-in of theirs may be missing."""

    @property
    def complete(self) -> bool:
        """Whether every cell has a record."""
        return not any(method.missing or method.running for method in self.methods)


def expected_cells(config: dict[str, Any], dataset: dict[str, Any]) -> tuple[Cell, ...] | None:
    """Return the cells that a run's last command asked for; `None` where its settings were changed by hand."""
    settings, known = config.get("settings", {}), all_methods()
    if "methods" in settings and settings["methods"] is None:
        # Models only, trained for `select`.
        return ()
    try:
        methods = {name: known[name].needs != "nothing" for name in settings["methods"]}
        keys = [ModelKey(k, seed) for k in settings["components"] for seed in settings["model_seeds"]]
        budgets = resolve_budgets(settings["budgets"], int(dataset["n_pool_labels_known"]))
        samplers = select_samplers(settings.get("samplers", [RANDOM]))
        looks = {name: sampler.needs_model for name, sampler in samplers.items()}
        cells = expand_cells(methods, looks, keys, budgets, settings["label_seeds"])
        limits = [Limit.model_validate(limit) for limit in settings.get("limits", [])]
        return within_limits(cells, limits, int(dataset["n_pool_labels_known"]), known)
    except (KeyError, TypeError, ValueError, BenchError):
        return None


def expected_records(stored: StoredRun) -> int | None:
    """Return how many records the run has when all cells of its last command are judged; `None` where that cannot be told."""
    cells = expected_cells(stored.config, stored.dataset)
    if cells is None:
        return None
    there = _found(stored, cells)
    return len(stored.records) + sum(cell.key not in there for cell in cells)


def standing_of(stored: StoredRun) -> Standing:
    """Compare what was asked for with what is there."""
    expected = expected_cells(stored.config, stored.dataset)
    cells, known = expected or (), all_methods()
    there = _found(stored, cells)
    counts: dict[str, Counter[str]] = {cell.method: Counter() for cell in cells}
    for cell in cells:
        found = there.get(cell.key)
        counts[cell.method]["missing" if found is None else "done" if found == "ok" else "failed"] += 1
    progress, running = read_progress(stored.folder), is_locked(stored.folder)
    if running and progress is not None:
        for method, of in counts.items():
            of["running"] = min(of["missing"], int(progress.cells_running.get(method, 0)))
            of["missing"] -= of["running"]
    samplers = all_samplers()
    models = {key for cell in cells for key in known[cell.method].models_for(cell.clustering, samplers[cell.sampler])}
    trained = {key for key in models if is_trained(stored.folder, key)}
    asked = {cell.key for cell in cells}
    of_grid = np.array([key in asked for key in record_keys(stored.records)], dtype=bool)
    failed = stored.records[of_grid & (stored.records["status"] != "ok").to_numpy(bool)]
    causes = Counter(zip(failed["method"], failed["error"].fillna(""), strict=True))
    return Standing(
        methods=tuple(
            MethodStanding(name, of["done"], of["running"], of["failed"], of["missing"]) for name, of in counts.items()
        ),
        trained=tuple(key.id for key in sorted(trained)),
        untrained=tuple(key.id for key in sorted(models - trained)),
        progress=progress,
        running=running,
        causes=tuple((str(method), str(error), count) for (method, error), count in causes.most_common()),
        elsewhere=int((~of_grid).sum()),
        broken=len(broken_files(stored.folder)),
        readable=expected is not None,
    )


def _found(stored: StoredRun, cells: tuple[Cell, ...]) -> dict[CellKey, str]:
    """Return the status of those cells that have a record which counts, as `run` sees it: by identity."""
    if not cells:
        return {}
    identity, dataset, known, samplers = stored.config.get("identity") or {}, stored.dataset, all_methods(), all_samplers()
    origin = Origin(
        dataset=str(dataset.get("name")),
        dataset_sha256=str(identity.get("dataset_sha256")),
        n_pool=int(dataset["n_pool"]),
        n_labels=int(dataset["n_pool_labels_known"]),
        version="",
        training=training_fingerprint(identity),
    )
    return status_of(
        stored.records, {cell.key: cell_id(cell, known[cell.method], samplers[cell.sampler], origin) for cell in cells}
    )
