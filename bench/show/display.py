"""Progress while it happens: redrawn in a terminal, a line a minute elsewhere."""

import itertools
import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

_EVERY_SECONDS, _FIRST_SECONDS = 60.0, (10.0, 20.0, 30.0)


class Display(ABC):
    """Shows its state for the time of a `with` block.

    If the output is no terminal, as in a batch job, the log gets a line every `every` seconds.
    """

    def __init__(self, console: Console, every: float = _EVERY_SECONDS) -> None:
        self._console, self._every = console, every
        self._begun = time.monotonic()
        # Calls come from several threads.
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._starting = ""
        self._ended = threading.Event()
        self._log = threading.Thread(target=self._write_lines, name="log", daemon=True)

    @abstractmethod
    def _render(self) -> RenderableType:
        """Return what a terminal shows."""

    @abstractmethod
    def _line(self) -> str:
        """Return the line that a log gets."""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        else:
            self._log.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
        self._ended.set()
        if self._log.is_alive():
            self._log.join()

    def starting(self, what: str) -> None:
        """Show what has to start before anything can be done; nothing, once it has."""
        with self._lock:
            self._starting = what
        if what and self._live is None:
            self._console.print(what, soft_wrap=True, highlight=False)

    def notice(self, text: str) -> None:
        """Print a notice for the user, above the display if there is one."""
        self._console.print(text, style="yellow", soft_wrap=True)

    def _write_lines(self) -> None:
        # The first one soon: nobody should wonder whether anything goes on.
        waits = itertools.chain(_FIRST_SECONDS, itertools.repeat(self._every))
        while not self._ended.wait(min(next(waits), self._every)):
            self._console.print(self._line(), soft_wrap=True, highlight=False)
