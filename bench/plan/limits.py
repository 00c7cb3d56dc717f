"""Limits: which part of a run's grid some methods are judged on, so that a costly method need not run on the whole grid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from bench.errors import SettingsError, unknown_name
from bench.plan.budgets import resolve_budget
from bench.plan.cells import ALL_SEEDS, Cell
from bench.plan.samplers import select_samplers
from bench.plan.values import Components, Integers, Names, Seeds


def _budget_text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class Limit(BaseModel):
    """Methods, and the part of the grid that they are judged on; `None` limits nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: Names
    samplers: Names | None = None
    components: Components | None = None
    """Values of K; says nothing of cells that need no clustering."""
    model_seeds: Integers | None = None
    """Of the model that is read, or that chooses the items. An ensemble always reads all of the run's."""
    label_seeds: Seeds | None = None
    most_labels: Annotated[str, BeforeValidator(_budget_text)] | None = None
    """A budget as in `--budgets`: a count, one per class, a percentage or a fraction."""


def parse_limits(value: Any) -> Any:
    """Return tables of limits with `-` in a key read as `_`, as everywhere in a configuration."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(limit, (dict, Limit)) for limit in value):
        raise ValueError("limits are tables; begin each with a line [[limits]]")
    tables = [
        {key.replace("-", "_"): item for key, item in limit.items()} if isinstance(limit, dict) else limit for limit in value
    ]
    for key in (key for table in tables if isinstance(table, dict) for key in table):
        if key not in Limit.model_fields:
            raise ValueError(str(unknown_name("key of limits", key, Limit.model_fields)))
    return tables


Limits = Annotated[tuple[Limit, ...], BeforeValidator(parse_limits)]


@dataclass(frozen=True)
class _Bound:
    """A limit for one pool."""

    limit: Limit
    most_labels: int | None

    def admits(self, cell: Cell) -> bool:
        """Whether the limit leaves the cell in the grid."""
        limit, clustering = self.limit, cell.clustering
        if cell.method not in limit.methods:
            return True
        pairs = [(limit.samplers, cell.sampler), (limit.label_seeds, cell.label_seed)]
        if clustering is not None:
            pairs.append((limit.components, clustering.n_components))
            # The models of an ensemble are the run's; only the one that chooses items is limited.
            if clustering.model_seed != ALL_SEEDS:
                pairs.append((limit.model_seeds, clustering.model_seed))
        within = all(allowed is None or value in allowed for allowed, value in pairs)
        return within and (self.most_labels is None or cell.budget.n_labeled <= self.most_labels)


def within_limits(
    cells: Sequence[Cell], limits: Sequence[Limit], n_known: int, n_classes: int, methods: Iterable[str]
) -> tuple[Cell, ...]:
    """Return the cells that every limit leaves in the grid.

    Parameters
    ----------
    n_known, n_classes
        Known labels of the pool and its classes, for budgets in percent or per class.
    methods
        All methods, to check names: a limit may name methods that the run does not have.

    Raises
    ------
    SettingsError
        If a limit names a method or sampler that does not exist, or an impossible budget.
    """
    bounds, valid = [], set(methods)
    for limit in limits:
        for name in limit.methods:
            if name not in valid:
                raise unknown_name("method in limits", name, valid)
        select_samplers(limit.samplers or ())
        bounds.append(_Bound(limit, _most_labels(limit, n_known, n_classes)))
    return tuple(cell for cell in cells if all(bound.admits(cell) for bound in bounds))


def _most_labels(limit: Limit, n_known: int, n_classes: int) -> int | None:
    asked = limit.most_labels
    # A count above the pool limits nothing.
    if asked is None or (asked.isdigit() and int(asked) >= n_known):
        return None
    try:
        return resolve_budget(asked, n_known, n_classes).n_labeled
    except SettingsError as error:
        raise SettingsError(f"limits of {', '.join(limit.methods)}, most_labels: {error}") from error
