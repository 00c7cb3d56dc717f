"""What every command shares: global options and consoles."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@dataclass
class State:
    """Global options."""

    debug: bool = False


STATE = State()


def make_console(*, stderr: bool = False) -> "Console":
    """Return a console for output, or for progress and messages."""
    from rich.console import Console

    # Names of files and classes are the user's: nothing in them is markup.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
