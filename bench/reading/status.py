"""How far a run is: what its last command asked for, beside what its folder holds."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from bench.errors import BenchError, number_of
from bench.judge.identity import cell_id, origin_of
from bench.judge.methods import METHODS, all_methods, models_for
from bench.judge.record import Origin
from bench.plan.cells import Cell, CellKey, ModelKey
from bench.plan.grid import CellGrid
from bench.plan.samplers import RANDOM, SAMPLERS, all_samplers
from bench.plugins import available
from bench.reading.open_run import OpenRun
from bench.show.grid import Grid
from bench.show.status import status_grid
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
    """The last report of the process that works, or died, in the folder."""
    running: bool
    """Whether a process works in the folder now."""
    causes: tuple[tuple[str, str, int], ...]
    """Method, error and cells of failures, the most frequent first."""
    elsewhere: int
    """Records of cells that earlier commands asked for, and the last did not."""
    broken: int
    """Files of records that cannot be read."""
    readable: bool = True
    """Whether the cells of the last command are known here: one of its plug-ins may be missing."""

    @property
    def complete(self) -> bool:
        """Whether every cell has a record."""
        return not any(method.missing or method.running for method in self.methods)


class _Traits:
    """What methods and samplers of a run need: as installed here, else as its records say."""

    def __init__(self, stored: StoredRun) -> None:
        self._methods, self._samplers = available(all_methods, METHODS), available(all_samplers, SAMPLERS)
        records = stored.records
        self.needs = dict(zip(records["method"], records["needs"], strict=True)) | {
            name: method.needs for name, method in self._methods.items()
        }
        looking = records[records["n_components"].notna() & (records["needs"] == "nothing")]["sampler"]
        self.looks = (
            dict.fromkeys(records["sampler"], False)
            | dict.fromkeys(looking, True)
            | {name: sampler.needs_model for name, sampler in self._samplers.items()}
        )

    def models_for(self, cell: Cell) -> frozenset[ModelKey]:
        """Return the trained models that a cell needs: its method's, and the one that chooses the items."""
        return models_for(self.needs[cell.method], cell.clustering, looks=self.looks[cell.sampler])

    def identity(self, cell: Cell, origin: Origin) -> str | None:
        """Return the identity of a cell, `None` where its method or sampler is not installed: then any record counts."""
        method, sampler = self._methods.get(cell.method), self._samplers.get(cell.sampler)
        return None if method is None or sampler is None else cell_id(cell, method, sampler, origin)


def _expected_cells(stored: StoredRun, traits: _Traits) -> tuple[Cell, ...] | None:
    """Return the cells that a run's last command asked for; `None` where that is not known here."""
    settings = stored.config.get("settings", {})
    if "methods" in settings and settings["methods"] is None:
        # Models only, trained for `select`.
        return ()
    try:
        return CellGrid.of(settings).cells(
            {name: traits.needs[name] for name in settings["methods"]},
            {name: traits.looks[name] for name in settings.get("samplers", [RANDOM])},
            int(stored.dataset["n_pool_labels_known"]),
            len(stored.dataset["class_names"]),
            traits.needs,
        )
    except (KeyError, TypeError, ValueError, BenchError):
        return None


def expected_records(stored: StoredRun) -> int | None:
    """Return how many records the run has when all cells of its last command are judged; `None` where that is not known."""
    traits = _Traits(stored)
    cells = _expected_cells(stored, traits)
    if cells is None:
        return None
    there = _judged(stored, cells, traits)
    return len(stored.records) + sum(cell.key not in there for cell in cells)


def standing_of(stored: StoredRun) -> Standing:
    """Compare what was asked for with what is there."""
    traits = _Traits(stored)
    expected = _expected_cells(stored, traits)
    cells = expected or ()
    there = _judged(stored, cells, traits)
    counts: dict[str, Counter[str]] = {cell.method: Counter() for cell in cells}
    keys = [cell.key for cell in cells]
    for cell, key in zip(cells, keys, strict=True):
        status = there.get(key)
        counts[cell.method]["missing" if status is None else "done" if status == "ok" else "failed"] += 1
    progress, running = read_progress(stored.folder), is_locked(stored.folder)
    if running and progress is not None:
        for method, of in counts.items():
            of["running"] = min(of["missing"], int(progress.cells_running.get(method, 0)))
            of["missing"] -= of["running"]
    models = {key for cell in cells for key in traits.models_for(cell)}
    trained = {key for key in models if is_trained(stored.folder, key)}
    asked = set(keys)
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


def _judged(stored: StoredRun, cells: tuple[Cell, ...], traits: _Traits) -> dict[CellKey, str]:
    """Return the status of those cells that have a record which counts, as `run` sees it: by identity."""
    if not cells:
        return {}
    dataset = stored.dataset
    origin = origin_of(stored.config.get("identity") or {}, int(dataset["n_pool"]), int(dataset["n_pool_labels_known"]))
    return status_of(stored.records, {cell.key: traits.identity(cell, origin) for cell in cells})


@dataclass(frozen=True)
class StatusTable:
    """How far a run is, for a reader."""

    grid: Grid
    causes: tuple[tuple[str, str, int], ...]
    """Method, error and cells of failures, the most frequent first."""


def status_table(run: OpenRun) -> StatusTable:
    """Return how far a run is as a table, and why cells failed."""
    standing = standing_of(run.stored)
    exported = run.stored.exported
    grid = status_grid(
        f"{run.folder}: {_state(standing, exported=exported)}",
        [(of.method, of.done, of.running, of.failed, of.missing) for of in standing.methods],
        standing.progress if standing.running else None,
        () if exported else standing.trained,
        () if exported else standing.untrained,
        _notes(standing),
    )
    return StatusTable(grid, standing.causes)


def _state(standing: Standing, *, exported: bool) -> str:
    if exported:
        return "an exported run: records, without models"
    if standing.running:
        who = standing.progress
        return "running" if who is None else f"running (process {who.pid} on {who.host}, since {who.begun})"
    if not standing.readable:
        return "stopped; what its last command asked for cannot be told here (a method that is not installed?)"
    if standing.complete:
        return "complete"
    return "stopped; repeat its command to go on"


def _notes(standing: Standing) -> list[str]:
    notes = []
    if standing.broken:
        notes.append(f"{number_of(standing.broken, 'file')} of records cannot be read; their cells run again")
    if standing.elsewhere:
        notes.append(f"and {number_of(standing.elsewhere, 'record')} of earlier commands")
    return notes
