"""Limits: which part of a run's grid some methods are judged on, so that a dear method need not cost the whole grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from bench.errors import unknown_name
from bench.plan.budgets import resolve_budget
from bench.plan.cells import Cell
from bench.plan.samplers import select_samplers
from bench.plan.values import Components, Names, Seeds


class Limit(BaseModel):
    """Methods, and the part of the grid that they are judged on; what is `None` is not limited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: Names
    samplers: Names | None = None
    components: Components | None = None
    """Values of K; says nothing of cells that need no clustering."""
    model_seeds: Seeds | None = None
    label_seeds: Seeds | None = None
    most_labels: str | int | None = None
    """A budget as in `--budgets`: a count, a percentage or a fraction."""


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
            pairs += [(limit.components, clustering.n_components), (limit.model_seeds, clustering.model_seed)]
        within = all(allowed is None or value in allowed for allowed, value in pairs)
        return within and (self.most_labels is None or cell.budget.n_labeled <= self.most_labels)


def within_limits(
    cells: Sequence[Cell], limits: Sequence[Limit], n_labels: int, methods: Mapping[str, object]
) -> tuple[Cell, ...]:
    """Return the cells that every limit leaves in the grid.

    Parameters
    ----------
    n_labels
        Known labels of the pool, for budgets in percent.
    methods
        All that there are, for the check of names. A limit may name methods that the run does not have.

    Raises
    ------
    SettingsError
        If a limit names a method or sampler that does not exist, or a budget that cannot be.
    """
    bounds = []
    for limit in limits:
        for name in limit.methods:
            if name not in methods:
                raise unknown_name("method in limits", name, methods)
        select_samplers(limit.samplers or ())
        bounds.append(
            _Bound(limit, None if limit.most_labels is None else resolve_budget(str(limit.most_labels), n_labels).n_labeled)
        )
    return tuple(cell for cell in cells if all(bound.admits(cell) for bound in bounds))
