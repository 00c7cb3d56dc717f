"""What a private Ray instance leaves behind and lets others see: a folder and a token of its own, and nothing after its end.

Ray itself keeps logs below a folder that anybody may write to, and a token that all instances of a user share in a file.
"""

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import ClusterError
from bench.store.lock import LOCK, is_locked, locked
from gmvae.errors import first_line

RAYS = "r"
"""Ray's folder in ours: it lets everybody into what it is given."""
# Of `r/session_DATE_TIME_PID/sockets/plasma_store` below ours, and of what the system allows.
_SOCKET_BYTES, _LONGEST_SOCKET = 68, 107
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - each tried, and used with a folder that is ours alone
_PREFIX = "gmvae-ray-"
_TOKEN, _TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
# Ray's processes end by themselves, some of them late.
_PATIENCE_SECONDS = 3.0
_PROCESSES = Path("/proc")


@contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a folder that only this user may enter; delete it in the end, with the processes that still use it.

    Raises
    ------
    ClusterError
        If no folder with a name that is short enough can be written to.
    """
    folder = _make_folder()
    # What tells a living owner, whatever machine or container it is in, is the lock: numbers of processes mean nothing elsewhere.
    with locked(folder):
        try:
            yield folder
        finally:
            remove(folder, _PATIENCE_SECONDS)


@contextmanager
def scratch_in(folder: Path) -> Iterator[None]:
    """Let processes that start meanwhile keep their temporary files in a folder: one that is killed leaves them there."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


@contextmanager
def own_token() -> Iterator[None]:
    """Let the instance ask for a token that nobody else has, unless the user names one."""
    if _TOKEN in os.environ or _TOKEN_PATH in os.environ:
        yield
        return
    os.environ[_TOKEN] = secrets.token_hex(32)
    _forget_token()
    try:
        yield
    finally:
        del os.environ[_TOKEN]
        _forget_token()


def _forget_token() -> None:
    """Let Ray look again: it remembers the token of an instance that was here before."""
    with suppress(ImportError, AttributeError):
        from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]

        AuthenticationTokenLoader.instance().reset_cache()


def _make_folder() -> Path:
    usual = os.environ.get("RAY_TMPDIR") or _usual_place()
    reasons = []
    for place in dict.fromkeys([*([usual] if usual else []), *_PLACES]):
        longest = f"{Path(place).absolute()}/{_PREFIX}12345678"
        if len(os.fsencode(longest)) + _SOCKET_BYTES > _LONGEST_SOCKET:
            reasons.append(f"the name of {place} is too long")
            continue
        try:
            _sweep(Path(place))
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        except OSError as error:
            reasons.append(f"{place}: {error.strerror or first_line(error)}")
    raise ClusterError(
        f"Ray finds no folder for its sockets ({'; '.join(reasons)}). Set RAY_TMPDIR to a folder that can be written to, with a "
        "short name, or use --executor serial"
    )


def _usual_place() -> str | None:
    try:
        return tempfile.gettempdir()
    except OSError:
        # None of those that Python knows can be written to.
        return None


def _sweep(place: Path) -> None:
    """Delete what was left by processes that were killed; one that has just made its folder has no lock in it yet."""
    for lock in place.glob(f"{_PREFIX}*/{LOCK}"):
        with suppress(OSError):
            if lock.stat().st_uid == os.getuid() and not is_locked(lock.parent):
                remove(lock.parent)


def remove(folder: Path, patience: float = 0.0) -> None:
    """End the processes that use a folder of a Ray instance, at once or after a moment, and delete it."""
    deadline = time.monotonic() + patience
    while users := _users(folder):
        if time.monotonic() >= deadline:
            for pid in users:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def _users(folder: Path) -> list[int]:
    """Return other processes of ours whose command line names a folder, or that hold a file in it open."""
    found = []
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            ours = int(process.name) != os.getpid() and process.stat().st_uid == os.getuid()
            if ours and (os.fsencode(folder) in (process / "cmdline").read_bytes() or _holds(process, folder)):
                found.append(int(process.name))
    return found


def _holds(process: Path, folder: Path) -> bool:
    """Whether a process has a file in a folder open: those that rename themselves have lost their command line."""
    for file in (process / "fd").iterdir():
        with suppress(OSError):
            if str(file.readlink()).startswith(f"{folder}/"):
                return True
    return False
