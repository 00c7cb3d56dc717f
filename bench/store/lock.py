"""One process at a time writes to a run folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import StoreError
from bench.store.progress import PROGRESS, read_progress

LOCK = ".lock"
# `is_locked` holds the lock for an instant; a process that starts just then waits for it.
_PATIENCE_SECONDS = 1.0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock for the time of a `with` block; the system releases it when a process dies.

    Raises
    ------
    StoreError
        If another process holds it, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=_PATIENCE_SECONDS)
    except Timeout as error:
        raise StoreError(f"{_holder(folder)} is running in {folder}; wait for it, or give another --out") from error
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror or error}; fix its permissions or give another --out"
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / PROGRESS).unlink(missing_ok=True)
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a process works in the folder now; needs no permission to write there."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(folder: Path) -> str:
    progress = read_progress(folder)
    return "another process" if progress is None else f"process {progress.pid} on {progress.host}, since {progress.begun},"
