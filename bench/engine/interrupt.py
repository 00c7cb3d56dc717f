"""Stopping on Ctrl-C at a safe moment."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

# Of a terminal that is closed, too, where there is such a signal.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# `timeout` signals the process and its group; count that as one.
_SAME_SECONDS = 0.5

# Whether a signal came while `remembered` listened and no `Interrupt` did.
_heard_outside = False


@contextmanager
def remembered() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP interrupt a block, and remember them.

    Python drops a KeyboardInterrupt that comes inside a finaliser or a callback. The next `Interrupt` raises it again.
    """
    global _heard_outside
    _heard_outside = False

    def hear(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        global _heard_outside
        _heard_outside = True
        raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        # What is ignored, as below nohup, stays so.
        before = {number: signal.signal(number, hear) for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interrupt:
    """Turns SIGINT, SIGTERM and SIGHUP into a flag that an executor looks at between steps.

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
            listened = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._hear) for number in listened}
            if _heard_outside:
                # It came before, where nobody could hear it.
                self._heard_at = time.monotonic()
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
