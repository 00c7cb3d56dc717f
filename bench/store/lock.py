"""One process at a time writes to a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import StoreError

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock for the time of a `with` block; the system lets go of it when a process dies.

    Raises
    ------
    StoreError
        If another process holds it, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise StoreError(f"another process is running in {folder}; wait for it, or give another --out") from error
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror or error}; mend its permissions or give another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()
