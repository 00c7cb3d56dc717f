"""Reading the data of a command: with progress, and with what was understood of them."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from bench.cli.state import tell
from bench.data.dataset import Dataset
from bench.data.reading import Progress
from bench.data.registry import load_dataset
from bench.plan.settings import RunSettings

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def shown_share(console: "Console", what: str) -> Iterator[Progress]:
    """Yield what shows on a terminal how much of something is done."""
    with console.status(what) if console.is_terminal else nullcontext() as status:

        def show(share: float) -> None:
            if status is not None:
                status.update(f"{what}: {share:.0%}")

        yield show


def read_data(settings: RunSettings, progress: "Console") -> Dataset:
    """Return the data that settings name; say on standard error what was understood of them.

    Raises
    ------
    DataError, SettingsError
        If they cannot be read.
    """
    dataset = load_with_progress(settings, progress)
    for line in dataset.notices():
        tell(line)
    return dataset


def load_with_progress(settings: RunSettings, progress: "Console") -> Dataset:
    """Return the data that settings name, and show meanwhile how much of them is read.

    Raises
    ------
    DataError, SettingsError
        If they cannot be read.
    """
    with shown_share(progress, "reading data") as show:
        return load_dataset(settings.data, settings.data_dir, settings.reading, holdout=settings.holdout, progress=show)
