"""What every command shares: global options, consoles, exit codes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import typer

from bench.wording import printable_lines

if TYPE_CHECKING:
    from rich.console import Console


EXIT_CELLS_FAILED = 1
EXIT_INTERRUPTED, EXIT_NO_READER = 130, 141


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


def end_without_reader() -> NoReturn:
    """End as a process does whose reader has gone, such as `head`: neither in order nor with failed cells."""
    with suppress(OSError, ValueError):
        # What Python flushes at its end would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(EXIT_NO_READER)


def end_quietly_without_reader() -> None:
    """Let rich end the process as we do where nobody reads any more: in our consoles, and in typer's for help."""
    from rich.console import Console

    def end(self: Console) -> None:  # noqa: ARG001 - rich's
        end_without_reader()

    Console.on_broken_pipe = end  # type: ignore[method-assign]


def tell(text: str) -> None:
    """Tell the user something that does not stop the command."""
    sys.stderr.write(f"{printable_lines(text)}\n")


@contextmanager
def stage(what: str, *, piped: bool = False) -> Iterator[None]:
    """Say what goes on while nothing else is shown: beside a spinner on a terminal; elsewhere, if `piped`, as a line."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        if piped:
            tell(what)
        yield
        return
    with console.status(what):
        yield


LOADING = "loading torch (a few seconds)"


@contextmanager
def interrupted_before(what: str) -> Iterator[None]:
    """Turn an interrupt before `what` begins into a message and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        make_console(stderr=True).print(f"interrupted before {what} began; repeat the same command")
        raise typer.Exit(EXIT_INTERRUPTED) from None
