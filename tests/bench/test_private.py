"""What a private Ray instance has for itself, that nothing stays of it, and how its death is heard."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.engine import private
from bench.engine.guard import EXIT_CLUSTER_GONE
from bench.engine.home import ensure_home
from bench.engine.private import own_token, private_folder, remove, scratch_in
from bench.errors import ClusterError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name is short enough wherever pytest keeps its own: a link."""
    link = Path(f"/tmp/t{os.getpid()}")  # noqa: S108 - a link to a folder of this test
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path)
    monkeypatch.setenv("RAY_TMPDIR", str(link))
    return link


def test_its_folder_is_for_its_user_alone_and_goes_with_it(place: Path) -> None:
    with private_folder() as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        # So is what others make in it.
        (folder / "session" / "sockets").mkdir(parents=True)
    assert list(place.iterdir()) == []
    place.unlink()


def test_another_folder_is_taken_where_names_are_too_long_or_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(private, "_PLACES", ("/tmp",))  # noqa: S108 - as Ray itself
    for usual in (f"/scratch/{'job' * 20}", "/nowhere/at/all"):
        monkeypatch.setenv("RAY_TMPDIR", usual)
        with private_folder() as folder:
            assert folder.parent == Path("/tmp")  # noqa: S108 - as above
    monkeypatch.setattr(private, "_PLACES", ("/proc/nowhere",))
    with (
        pytest.raises(ClusterError, match="Set RAY_TMPDIR to a folder that can be written to, with a short name"),
        private_folder(),
    ):
        pass


def test_a_path_that_is_one_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `session_2026-12-01_00-32-07_123456_1234567/sockets/plasma_store`, 107 bytes are allowed in all."""
    longest = len(f"/{private.RAYS}/session_2026-12-01_00-32-07_123456_4194304/sockets/plasma_store")
    assert longest <= private._SOCKET_BYTES
    assert private._LONGEST_SOCKET == 107


def test_what_killed_processes_left_is_swept_and_what_lives_stays(place: Path) -> None:
    """Whoever lives holds a lock, also in another container or on another machine with the same folder."""
    code = (
        "import os, sys\nfrom bench.engine.private import private_folder\n"
        "with private_folder() as folder:\n    print(folder, flush=True)\n    sys.stdin.read()"
    )
    owners = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    folders = []
    for owner in owners:
        assert owner.stdout is not None
        folders.append(Path(owner.stdout.readline().strip()))
    owners[0].kill()
    owners[0].wait()
    assert folders[0].exists()
    # Made a moment ago, and not locked yet.
    new = place / "gmvae-ray-abcdefgh"
    new.mkdir()
    with private_folder():
        assert not folders[0].exists()
        assert folders[1].exists()
        assert new.exists()
    owners[1].communicate()
    assert not folders[1].exists()
    for stream in (owners[0].stdin, owners[0].stdout):
        assert stream is not None
        stream.close()
    place.unlink()


@pytest.mark.parametrize("shows", ["its command line", "an open file"])
def test_processes_that_use_a_folder_end_with_it(shows: str, tmp_path: Path) -> None:
    folder = tmp_path / "gmvae-1-abcdefgh"
    folder.mkdir()
    code = "import sys, time; file = open(sys.stdin.readline().strip(), 'w'); print('there', flush=True); time.sleep(600)"
    named = [str(folder)] if shows == "its command line" else []
    process = subprocess.Popen(
        [sys.executable, "-c", code, *named], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{tmp_path if named else folder}/log\n")
    process.stdin.flush()
    assert process.stdout.readline() == "there\n"
    remove(folder)
    assert process.wait(timeout=10) == -signal.SIGKILL
    assert not folder.exists()
    process.stdin.close()
    process.stdout.close()


def test_its_token_is_nobody_elses_and_the_users_own_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    tokens = set()
    for _ in range(2):
        with own_token():
            tokens.add(os.environ["RAY_AUTH_TOKEN"])
        assert "RAY_AUTH_TOKEN" not in os.environ
    assert len(tokens) == 2
    assert min(map(len, tokens)) == 64
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    with own_token():
        assert os.environ["RAY_AUTH_TOKEN"] == "mine"  # noqa: S105 - no secret


def test_temporary_files_of_its_processes_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for before in (None, "/tmp"):  # noqa: S108 - a name alone
        if before is None:
            monkeypatch.delenv("TMPDIR", raising=False)
        else:
            monkeypatch.setenv("TMPDIR", before)
        with scratch_in(tmp_path):
            assert os.environ["TMPDIR"] == str(tmp_path)
        assert os.environ.get("TMPDIR") == before


def test_a_user_without_a_home_gets_a_name_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("HOME", "/somewhere")
    ensure_home()
    assert os.environ["HOME"] == "/somewhere"
    monkeypatch.setattr(Path, "home", lost)
    ensure_home()
    assert os.environ["HOME"] == "/nonexistent"


GUARDED = """
import sys, time
from bench.engine import guard
guard._EVERY_SECONDS = 0.05
with guard.guarded([("127.0.0.1", int(sys.argv[1]))], lambda: print("cleaned", flush=True), 3):
    print("guarded", flush=True)
    time.sleep(float(sys.argv[2]))
print("went on", flush=True)
"""


def guarded(port: int, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", GUARDED, str(port), str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_cluster_that_no_longer_listens_ends_the_process() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    process = guarded(listener.getsockname()[1], 60)
    assert process.stdout is not None
    assert process.stdout.readline() == "guarded\n"
    time.sleep(0.5)
    assert process.poll() is None
    listener.close()
    out, err = process.communicate(timeout=20)
    assert process.returncode == EXIT_CLUSTER_GONE
    assert out == "cleaned\n"
    assert err.strip().splitlines() == [
        "gmvae-bench: a process of the Ray cluster died (raylet or GCS); what is done is saved: repeat the same command"
    ]


def test_one_that_is_stopped_or_done_with_does_not() -> None:
    # It never accepts, as a process that is stopped: the system answers for it.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = guarded(listener.getsockname()[1], 0.7)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "guarded\nwent on\n")
