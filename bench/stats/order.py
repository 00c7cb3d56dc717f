"""The order of rows with different budgets: only budgets that all of them have count."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Row = TypeVar("Row", bound=Hashable)


def ordered(
    means: Mapping[Row, Mapping[int, float]], *, lower_is_better: bool = False
) -> tuple[list[Row], tuple[int, ...] | None]:
    """Return rows, the best first, and the budgets that decide: those at which every row with any score has one.

    If there are none, each row is placed by all of its own. Rows without a score come last, in the order given; if
    all are such, there are no budgets at all: `None`.
    """
    scored = {row: by_budget for row, by_budget in means.items() if by_budget}
    shared = tuple(sorted(set.intersection(*map(set, scored.values())))) if scored else None

    def sort_key(row: Row) -> float:
        values = [scored[row][n] for n in shared or scored[row]]
        mean = sum(values) / len(values)
        return mean if lower_is_better else -mean

    return [*sorted(scored, key=sort_key), *(row for row in means if row not in scored)], shared


def order_note(shared: tuple[int, ...] | None, budgets: tuple[int, ...]) -> tuple[str, ...]:
    """Say by what rows are ordered, where that is not all of the budgets shown."""
    if shared is None or set(shared) == set(budgets):
        return ()
    if not shared:
        return ("no budget is common to all rows, so each is placed by the mean of its own",)
    named = ", ".join(f"{n:,}" for n in shared)
    return (f"rows are ordered by their means at {named} labels, the budgets that all of them have",)
