"""What a setting means for a given pool when the user leaves it open: rules of size alone, no constants per data set."""

# An even cluster should hold enough items to be worth a name; the study's K is the ceiling.
_ITEMS_PER_COMPONENT = 36
_MAX_COMPONENTS = 100
# Items shown in training: about 48 passes over 105,526 letters. Small pools get more passes, up to a limit.
_ITEMS_SHOWN = 5_000_000
_MIN_EPOCHS, _MAX_EPOCHS = 20, 150


def default_components(n_pool: int) -> tuple[int, ...]:
    """Return K for a pool: a component per 36 items rounded to tens, at least 2 and at most the study's 100."""
    rounded = round(n_pool / _ITEMS_PER_COMPONENT, -1)
    return (max(2, min(_MAX_COMPONENTS, int(rounded), n_pool)),)


def default_epochs(n_pool: int) -> int:
    """Return the number of passes that shows about five million items."""
    return max(_MIN_EPOCHS, min(_MAX_EPOCHS, round(_ITEMS_SHOWN / n_pool)))
