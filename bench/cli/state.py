"""What every command shares: global options, consoles, exit codes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console


EXIT_CELLS_FAILED = 1
EXIT_INTERRUPTED = 130


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


def tell(text: str) -> None:
    """Tell the user something that does not stop the command."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def interrupted_before(what: str) -> Iterator[None]:
    """Turn an interrupt before `what` begins into a message and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        make_console(stderr=True).print(f"interrupted before {what} began; repeat the same command")
        raise typer.Exit(EXIT_INTERRUPTED) from None
