"""Stopping on Ctrl-C at a safe moment."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# `timeout` signals the process and its group; count that as one.
_SAME_SECONDS = 0.5


class Interrupt:
    """Turns SIGINT and SIGTERM into a flag that an executor looks at between steps.

    A second signal interrupts at once, unless it comes at the same moment.

    Python's own KeyboardInterrupt can come in the middle of a write or of one of Ray's compiled callbacks; a flag cannot. Outside
    a `with` block, or in a thread, nothing is changed and `check` does nothing.
    """

    def __init__(self) -> None:
        # Not an Event: a signal that arrives while another is handled would wait for its lock for ever.
        self._heard_at: float | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self._heard_at is not None:
            raise KeyboardInterrupt

    def _hear(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        now = time.monotonic()
        if self._heard_at is None:
            self._heard_at = now
        elif now - self._heard_at > _SAME_SECONDS:
            raise KeyboardInterrupt
