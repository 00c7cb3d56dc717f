"""How settings were chosen, as records and configurations say it."""

ORACLE = "oracle-"
"""Begins the names of objectives that read labels which a user would not have."""
WITHIN = "cross-validation"
"""Chosen by the labels that the method is shown anyway."""


def is_oracle(selection: str) -> bool:
    """Whether a choice read labels that a user would not have; `selection` names objectives, separated by commas."""
    return any(part.strip().startswith(ORACLE) for part in selection.split(","))


def selection_words(selection: str, n_labels: int) -> str:
    """Return what a reader must know of numbers that come from settings chosen so."""
    if selection == WITHIN:
        return f"settings chosen by {WITHIN} within the labels shown"
    if is_oracle(selection):
        return f"settings chosen by {selection}, which read {n_labels:,} labels: an upper bound, not a result"
    return f"settings chosen by {selection}, which read {f'{n_labels:,} labels' if n_labels else 'no labels'}"
