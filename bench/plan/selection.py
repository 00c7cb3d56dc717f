"""How settings were chosen, as records and configurations say it."""

ORACLE = "oracle-"
"""Prefix of criteria that read labels which a user would not have."""
ORACLE_MARK = " (oracle)"
"""Suffix of a method whose settings such a criterion chose."""
BY_HAND = "changed by hand"
"""Stands for what was changed after a choice."""
WITHIN = "cross-validation"
"""Chosen by the labels that the method is shown anyway."""


def is_oracle(selection: str) -> bool:
    """Whether a choice read labels that a user would not have; `selection` names criteria, separated by commas."""
    return any(part.strip().startswith(ORACLE) for part in selection.split(","))


def selection_words(selection: str, n_labels: int) -> str:
    """Return what a reader must know about results of settings chosen like this."""
    if selection == WITHIN:
        return f"settings chosen by {WITHIN} within the labels shown"
    if is_oracle(selection):
        return f"settings chosen by {selection}, which read {n_labels:,} labels: an upper bound, not a result"
    return f"settings chosen by {selection}, which read {f'{n_labels:,} labels beside those shown' if n_labels else 'no labels'}"


def joined(*selections: str | None) -> str:
    """Return several choices, one after the other, as one text; each criterion once."""
    parts = [part.strip() for selection in selections if selection for part in selection.split(",")]
    return ", ".join(dict.fromkeys(parts))
