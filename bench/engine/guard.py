"""Notices that the Ray cluster is gone, which Ray itself tells late and at length, and ends the process."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

EXIT_CLUSTER_GONE = 3
_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 2.0
_SHOW_CURSOR = "\x1b[?25h"

Address = tuple[str, int]


@contextmanager
def guarded(addresses: Sequence[Address], clean: Callable[[], None], patience: int) -> Iterator[None]:
    """End this process with one line while nobody listens at one of some addresses any more.

    What is done is saved by then, as it is for a process that is killed. Raising an error instead would need a main thread that
    listens: it may be inside a call of Ray's that does not return.

    Parameters
    ----------
    addresses
        Of the processes without which nothing goes on. One that is stopped, or behind a cut link, still counts as there.
    clean
        Called before the process ends.
    patience
        How many times in a row, a second apart, nobody may listen.
    """
    done = threading.Event()

    def look() -> None:
        refused = 0
        while not done.wait(_EVERY_SECONDS):
            refused = refused + 1 if any(map(_refuses, addresses)) else 0
            if refused >= patience and not done.is_set():
                _end(clean)

    watch = threading.Thread(target=look, name="cluster guard", daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join(_ANSWER_SECONDS * len(addresses))


def _refuses(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=_ANSWER_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        # Slow, or cut off: it may come back.
        return False
    return False


def _end(clean: Callable[[], None]) -> None:
    """Say why, and leave: Ray's threads would wait for a minute and print its state."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
        told = "a process of the Ray cluster died (raylet or GCS); what is done is saved: repeat the same command"
        sys.stderr.write(f"{cursor}\ngmvae-bench: {told}\n")
        sys.stderr.flush()
        # What Ray still prints on its way is of no use.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with suppress(Exception):
        clean()
    os._exit(EXIT_CLUSTER_GONE)
