"""How settings were chosen, as records and configurations say it."""

from bench.errors import number_of

ORACLE = "oracle-"
"""Prefix of criteria that read labels which a user would not have."""
ORACLE_MARK = " (oracle)"
"""Suffix of a method whose settings such a criterion chose."""
PRETRAINED_MARK = " (pretrained)"
"""Suffix of a method whose items were made by a model trained on other data."""
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
        return f"settings chosen by {selection}, which read {number_of(n_labels, 'label')}: an upper bound, not a result"
    read = f"{number_of(n_labels, 'label')} beside those shown" if n_labels else "no labels"
    return f"settings chosen by {selection}, which read {read}"


def joined(*selections: str | None) -> str:
    """Return several choices, one after the other, as one text; each criterion once."""
    parts = [part.strip() for selection in selections if selection for part in selection.split(",")]
    return ", ".join(dict.fromkeys(parts))
