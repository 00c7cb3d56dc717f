"""Errors of this package; each message says what was got, what was expected and how to mend it."""

# What was read may be quoted whole.
_LONGEST = 500


def first_line(error: BaseException) -> str:
    """Return what an exception says first; its type where it says nothing."""
    line = next((line for line in str(error).strip().splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"


class GMVAEError(Exception):
    """Base class of every error raised on purpose by `gmvae`."""


class InputError(GMVAEError, ValueError):
    """Data or settings that cannot be used."""


class TrainingDivergedError(GMVAEError, ArithmeticError):
    """The loss became NaN or infinite."""


class CheckpointError(GMVAEError, OSError):
    """A saved model is missing, broken or of another version."""
