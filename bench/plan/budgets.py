"""Label budgets: counts, counts per class, percentages or fractions of the pool's known labels."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import SettingsError, number_of

# Tried where the user names no budgets; those above half of the labelled pool are left out.
DEFAULT_COUNTS = (25, 50, 100, 200, 400, 800)
_PER_CLASS = "/class"


@dataclass(frozen=True, order=True)
class Budget:
    """A number of labels, as asked for and as resolved for one pool."""

    n_labeled: int
    asked: str


def resolve_budget(asked: str, n_labels: int, n_classes: int) -> Budget:
    """Return the number of labels that `asked` means for a pool with `n_labels` known labels of `n_classes` classes.

    `291` is a count, `5/class` five times the number of classes, `0.2%` a percentage, `0.002` a fraction (with a point or
    exponent, below 1).
    """
    text = asked.strip()
    try:
        if text.endswith(_PER_CLASS):
            count = int(text.removesuffix(_PER_CLASS)) * n_classes
        elif text.endswith("%"):
            count = round(float(text[:-1]) / 100 * n_labels)
        elif text.isdigit():
            count = int(text)
        else:
            share = float(text)
            if not 0 < share < 1:
                raise ValueError
            count = round(share * n_labels)
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"budget {asked!r} is no count (291), count per class (5/class), percentage (0.2%) or fraction below 1 (0.002)"
        ) from error
    if count < 1:
        raise SettingsError(f"budget {asked} of {n_labels:,} labels is less than one label; ask for a larger one")
    if count >= n_labels:
        raise SettingsError(
            f"budget {asked} means {count:,} labels, but only {n_labels:,} are known, and one must be left to score on"
        )
    return Budget(count, text)


def resolve_budgets(asked: Sequence[str] | None, n_labels: int, n_classes: int) -> tuple[Budget, ...]:
    """Return the budgets asked for, smallest first and each count once; without any, `DEFAULT_COUNTS` up to half the labels."""
    if n_labels < 2:
        raise SettingsError(
            f"the pool has {number_of(n_labels, 'known label')}; at least two are needed, one to show and one to score on"
        )
    if asked is None:
        fitting = [count for count in DEFAULT_COUNTS if count <= n_labels / 2]
        return tuple(Budget(count, str(count)) for count in fitting or [n_labels // 2])
    by_count = {budget.n_labeled: budget for budget in (resolve_budget(text, n_labels, n_classes) for text in reversed(asked))}
    return tuple(sorted(by_count.values()))
