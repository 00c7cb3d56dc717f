"""Defaults of settings that the user leaves open: rules by size of the pool alone, no constants per data set."""

# An even cluster should hold enough items to be worth a name; the paper's K is the ceiling.
_ITEMS_PER_COMPONENT = 36
_MIN_COMPONENTS, _MAX_COMPONENTS = 10, 100
# A smaller pool gets fewer components, with at least this many items each.
_FEWEST_ITEMS = 4
# Answers to a few questions, counts, flags: items that occur again and again are clusters by themselves, up to a limit.
_MOST_DISTINCT = 200
# Items shown in training: 22 passes over 105,526 letters, after which accuracy hardly rises. Small pools get more passes, up to a
# limit.
_ITEMS_SHOWN = 2_300_000
_MIN_EPOCHS, _MAX_EPOCHS = 20, 150


def default_components(n_pool: int, n_distinct: int) -> tuple[int, ...]:
    """Return K for a pool: a component per 36 items rounded to tens, at least 10 and at most the paper's 100.

    Where a pool consists of few different items, at most 200 that occur four times each, K is their number.
    """
    if 2 <= n_distinct <= min(_MOST_DISTINCT, n_pool // _FEWEST_ITEMS):
        return (n_distinct,)
    rounded = int(round(n_pool / _ITEMS_PER_COMPONENT, -1))
    return (max(2, min(max(_MIN_COMPONENTS, min(_MAX_COMPONENTS, rounded)), n_pool // _FEWEST_ITEMS)),)


def default_epochs(n_pool: int) -> int:
    """Return the number of passes that shows about 2.3 million items."""
    return max(_MIN_EPOCHS, min(_MAX_EPOCHS, round(_ITEMS_SHOWN / n_pool)))
