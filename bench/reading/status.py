"""How far a run is: what its last command asked for, beside what its folder holds."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from bench.errors import BenchError, number_of
from bench.judge.identity import cell_ids, origin_of
from bench.judge.methods import METHODS, all_methods, models_for
from bench.judge.record import Origin
from bench.plan.budgets import resolve_budgets
from bench.plan.cells import Cell, CellKey, ModelKey
from bench.plan.grid import CellGrid, expand_cells
from bench.plan.samplers import RANDOM, SAMPLERS, all_samplers
from bench.plugins import available
from bench.reading.open_run import OpenRun
from bench.reading.part import known_labels
from bench.show.grid import Grid
from bench.show.status import status_grid
from bench.store.folder import StoredRun
from bench.store.lock import is_locked
from bench.store.presence import is_trained
from bench.store.progress import Progress, read_progress
from bench.store.records import CELL_ID, broken_files, record_keys

# What cells of one curve share of their keys.
_CURVE = ["method", "n_components", "model_seed", "sampler", "supervision"]


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
        # A row for each: columns of texts are slow to walk along.
        records = stored.records[["method", "needs", "sampler", "n_components"]]
        records = records.assign(n_components=records["n_components"].notna()).drop_duplicates()
        self.needs = dict(zip(records["method"], records["needs"], strict=True)) | {
            name: method.needs for name, method in self._methods.items()
        }
        looking = records[records["n_components"] & (records["needs"] == "nothing")]["sampler"]
        self.looks = (
            dict.fromkeys(records["sampler"], False)
            | dict.fromkeys(looking, True)
            | {name: sampler.needs_model for name, sampler in self._samplers.items()}
        )

    def models_for(self, cell: Cell) -> frozenset[ModelKey]:
        """Return the trained models that a cell needs: its method's, and the one that chooses the items."""
        return models_for(self.needs[cell.method], cell.clustering, looks=self.looks[cell.sampler])

    def identities(self, cell: Cell, origin: Origin, points: Iterable[tuple[int, int]]) -> list[str] | None:
        """Return the identity of a cell with each number of labels and label seed.

        `None` where its method or sampler is not installed: then any counts.
        """
        method, sampler = self._methods.get(cell.method), self._samplers.get(cell.sampler)
        return None if method is None or sampler is None else cell_ids(cell, method, sampler, origin, points)


@dataclass(frozen=True)
class _Curve:
    """Cells that differ in nothing but number of labels and label seed."""

    cell: Cell
    """One of them."""
    label_seeds: Mapping[int, Collection[int]]
    """By number of labels."""

    @property
    def n_cells(self) -> int:
        """How many there are."""
        return sum(map(len, self.label_seeds.values()))

    def holds(self, n_labeled: Int[np.ndarray, " r"], label_seeds: Int[np.ndarray, " r"]) -> Bool[np.ndarray, " r"]:
        """Say which of some points are on the curve."""
        found = np.zeros(len(n_labeled), bool)
        for n, seeds in self.label_seeds.items():
            found |= (n_labeled == n) & np.isin(label_seeds, list(seeds))
        return found


def _curve_key(key: CellKey) -> tuple[object, ...]:
    method, k, seed, sampler, _, _, supervision = key
    return method, k, seed, sampler, supervision


def _expected_curves(stored: StoredRun, traits: _Traits) -> tuple[_Curve, ...] | None:
    """Return the cells that a run's last command asked for; `None` where that is not known here."""
    settings = stored.config.get("settings", {})
    if "methods" in settings and settings["methods"] is None:
        # Models only, trained for `select`.
        return ()
    try:
        grid = CellGrid.of(settings)
        methods = {name: traits.needs[name] for name in settings["methods"]}
        samplers = {name: traits.looks[name] for name in settings.get("samplers", [RANDOM])}
        n_known, n_classes = int(stored.dataset["n_pool_labels_known"]), len(stored.dataset["class_names"])
        if grid.limits:
            return _curves_of(grid.cells(methods, samplers, n_known, n_classes, traits.needs))
        # Without limits one cell of each curve is enough to know all: there may be a million cells.
        budgets = resolve_budgets(grid.budgets, n_known, n_classes)
        seeds = dict.fromkeys((budget.n_labeled for budget in budgets), frozenset(grid.label_seeds))
        firsts = expand_cells(methods, samplers, grid.clusterings, budgets[:1], grid.label_seeds[:1], grid.supervisions)
        return tuple(_Curve(cell, seeds) for cell in firsts)
    except (KeyError, TypeError, ValueError, BenchError):
        return None


def _curves_of(cells: Iterable[Cell]) -> tuple[_Curve, ...]:
    of: dict[tuple[object, ...], tuple[Cell, dict[int, set[int]]]] = {}
    for cell in cells:
        _, label_seeds = of.setdefault(_curve_key(cell.key), (cell, {}))
        label_seeds.setdefault(cell.budget.n_labeled, set()).add(cell.label_seed)
    return tuple(_Curve(cell, label_seeds) for cell, label_seeds in of.values())


@dataclass(frozen=True)
class _Counted:
    """Records beside the cells asked for."""

    methods: dict[str, Counter[str]]
    """Cells `done`, `failed` and `missing` by method."""
    of_grid: Bool[np.ndarray, " r"]
    """Whether a record is of a cell asked for, whatever its identity."""


def _count(stored: StoredRun, curves: Iterable[_Curve], traits: _Traits) -> _Counted:
    """Count cells as `run` sees them: by identity; a record without one counts by its key."""
    dataset, records = stored.dataset, stored.records
    origin = origin_of(stored.config.get("identity") or {}, int(dataset["n_pool"]), known_labels(dataset))
    rows_of = _rows_by_curve(records)
    n_labeled, label_seeds = records["n_labeled"].to_numpy(int), records["label_seed"].to_numpy(int)
    identities, ok = records[CELL_ID].fillna("").to_numpy(object), (records["status"] == "ok").to_numpy(bool)
    of_grid, counts = np.zeros(len(records), bool), dict[str, Counter[str]]()
    for curve in curves:
        rows = rows_of.get(_curve_key(curve.cell.key), np.empty(0, int))
        rows = rows[curve.holds(n_labeled[rows], label_seeds[rows])]
        of_grid[rows] = True
        points = zip(n_labeled[rows].tolist(), label_seeds[rows].tolist(), strict=True)
        expected = traits.identities(curve.cell, origin, points)
        if expected is not None:
            rows = rows[(identities[rows] == "") | (identities[rows] == np.array(expected, object))]
        of_method = counts.setdefault(curve.cell.method, Counter())
        of_method["done"] += int(ok[rows].sum())
        of_method["failed"] += int((~ok[rows]).sum())
        of_method["missing"] += curve.n_cells - len(rows)
    return _Counted(counts, of_grid)


def _rows_by_curve(records: pd.DataFrame) -> dict[tuple[object, ...], Int[np.ndarray, " r"]]:
    """Return the rows of each curve in records; a key is made once a curve, because there may be a million records."""
    if records.empty:
        return {}
    number = records.groupby(_CURVE, dropna=False, sort=False).ngroup().to_numpy()
    _, firsts, sizes = np.unique(number, return_index=True, return_counts=True)
    rows = np.split(np.argsort(number, kind="stable"), np.cumsum(sizes)[:-1])
    return dict(zip(map(_curve_key, record_keys(records.iloc[firsts])), rows, strict=True))


def expected_records(stored: StoredRun) -> int | None:
    """Return how many records the run has when all cells of its last command are judged; `None` where that is not known."""
    traits = _Traits(stored)
    curves = _expected_curves(stored, traits)
    if curves is None:
        return None
    return len(stored.records) + sum(of["missing"] for of in _count(stored, curves, traits).methods.values())


def standing_of(stored: StoredRun) -> Standing:
    """Compare what was asked for with what is there."""
    traits = _Traits(stored)
    expected = _expected_curves(stored, traits)
    curves = expected or ()
    counted = _count(stored, curves, traits)
    counts = counted.methods
    progress, running = read_progress(stored.folder), is_locked(stored.folder)
    if running and progress is not None:
        for method, of in counts.items():
            of["running"] = min(of["missing"], int(progress.cells_running.get(method, 0)))
            of["missing"] -= of["running"]
    models = {key for curve in curves for key in traits.models_for(curve.cell)}
    trained = {key for key in models if is_trained(stored.folder, key)}
    failed = stored.records[counted.of_grid & (stored.records["status"] != "ok").to_numpy(bool)]
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
        elsewhere=int((~counted.of_grid).sum()),
        broken=len(broken_files(stored.folder)),
        readable=expected is not None,
    )


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
