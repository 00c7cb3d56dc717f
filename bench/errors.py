"""Errors that a user can fix; each message says what it got, what it expected and how to fix it, in one or two lines."""

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Base class of the errors that the command line shows without a traceback, with exit code 2."""


class SettingsError(BenchError, ValueError):
    """An option, configuration key or name that is not valid."""


class DataError(BenchError, ValueError):
    """Data that are absent or cannot be used."""


class StoreError(BenchError, OSError):
    """A run folder that is missing, broken, or belongs to other settings."""


class RequestError(BenchError):
    """A request over HTTP that cannot be answered.

    Parameters
    ----------
    status
        4xx, as HTTP has them.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ClusterError(BenchError, RuntimeError):
    """A Ray cluster that cannot be reached or used."""


def number_of(count: float, noun: str, plural: str = "") -> str:
    """Return a count with its noun: `1 cell`, `1,234 cells`, `0 classes`, `0.5 GPUs`; `plural` is by default `noun` with an s."""
    text = f"{count:g}" if isinstance(count, float) else f"{count:,}"
    return f"{text} {noun if count == 1 else plural or noun + 's'}"


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> SettingsError:
    """Return an error for a name that is not among the valid ones, with the nearest of them."""
    names = sorted(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return SettingsError(f"unknown {kind} {name!r}; {hint}valid: {', '.join(names)}")
