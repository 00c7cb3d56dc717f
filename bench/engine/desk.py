"""What connects an executor of trials to a search: a desk, its jobs, and the reports that it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.errors import BenchError
from bench.store.storage import Storage


class Job(Protocol):
    """A trial to run; it travels to a worker."""

    @property
    def number(self) -> int:
        """Its number in the study."""
        ...

    @property
    def name(self) -> str:
        """Its folder in the storage."""
        ...

    @property
    def bytes(self) -> int:
        """Memory that its models take on their device."""
        ...

    @property
    def limit(self) -> float | None:
        """Seconds after which it counts as hanging."""
        ...


@dataclass(frozen=True)
class Report:
    """What a trial measured."""

    epoch: int
    values: dict[str, float]
    """By criterion that the search goes by."""
    seconds: float
    """Spent in training."""
    watched: dict[str, float] = field(default_factory=dict)
    final: bool = False


class Desk(Protocol):
    """Where trials come from and report to."""

    storage: Storage
    fatal: BenchError | None
    """Why the search must end; `None` while it can go on."""

    @property
    def n_left(self) -> int:
        """Trials still to be finished."""
        ...

    def next(self, most: "MostTrials | None" = None) -> Sequence[Job]:
        """Return the next trials to run, as one: of equal shape, and as many as `most` says of the first; or none."""
        ...

    def hear(self, number: int, report: Report) -> bool:
        """Take what a trial reports; return whether it ends here."""
        ...

    def fail(self, number: int, error: str) -> None:
        """End a trial that went wrong."""
        ...

    def notice(self, text: str) -> None:
        """Pass a notice on to the user."""
        ...

    def close(self) -> None:
        """Stop handing out trials and taking reports."""
        ...


MostTrials = Callable[[Job], int]
"""How many trials of the shape of one should run as one."""


@dataclass(frozen=True)
class Ear:
    """What trials that run as one are heard by; each is meant by its number."""

    report: Callable[[int, Report], bool]
    """Takes what a trial measured; returns whether it ends here."""
    fail: Callable[[int, str], None]
    """Ends a trial that went wrong."""
    notice: Callable[[str], None]
    """Passes a notice on to the user."""


RunTrials = Callable[[Any, Any, Storage, Ear], None]
"""Runs jobs of one shape with what all trials are given, in a storage, until each has ended."""
