"""Run the command where machines are odd: no shared memory, temporary folders that are full, long or read-only, no home, no user.

    python tests/support/hard_places.py            # as root, on Linux: each place is made in a mount namespace of its own

Each must end with exit code 0, or within 30 seconds with one line and exit code 2, and never with a traceback.
"""

import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runs import ENVIRONMENT

RUN = [
    *(sys.executable, "-m", "bench.cli.main", "run", "--components", "10", "--model-seeds", "0", "--epochs", "3"),
    *("--methods", "soft,knn", "--budgets", "50", "--label-seeds", "1"),
]
_LONG = 30.0
_NOBODY = 54321
# Where Python and this package lie must stay visible below what is mounted over it.
_HIDE_ROOT = (
    "mkdir -p /mnt/python; mount --bind {python} /mnt/python; mount -t tmpfs -o mode=755 tmpfs /root; mkdir -p {python}; "
    "mount --bind /mnt/python {python}"
)
PLACES = {
    "no shared memory": "mount -t tmpfs -o size=4k tmpfs /dev/shm",
    "a long TMPDIR": "mkdir -p {deep}; export TMPDIR={deep}",
    "a TMPDIR that is read-only": "mount -t tmpfs -o ro tmpfs /var/tmp; export TMPDIR=/var/tmp",
    "a full TMPDIR": "mount -t tmpfs -o size=1m tmpfs /var/tmp; export TMPDIR=/var/tmp; cat /dev/zero >/var/tmp/f",
    "no folder for temporary files": "mount -o bind,ro /var/tmp /var/tmp; export TMPDIR=/var/tmp RAY_TMPDIR=/var/tmp",
    "a home that is not there": "export HOME=/proc/nowhere",
    "no HOME": "unset HOME",
}


def tried(name: str, prepare: str, options: list[str], folder: Path, prefix: str = "") -> str | None:
    """Run once; return what is wrong, if anything is."""
    python = Path(sys.executable).resolve().parents[1]
    prepared = prepare.format(deep=folder / ("x" * 90), python=python)
    line = shlex.join([*RUN, *options, "--out", str(folder / "run")])
    begun = time.monotonic()
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{prepared}; exec {prefix} {line}"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, last = time.monotonic() - begun, (done.stderr.strip().splitlines() or [""])[-1]
    how = "serial" if options else "Ray"
    why = f": {last}" if done.returncode else ""
    sys.stdout.write(f"{name}, {how}: exit code {done.returncode} in {seconds:.0f} s{why}\n")
    sys.stdout.flush()
    if "Traceback" in done.stderr:
        return f"{name}: a traceback\n{done.stderr}"
    if done.returncode and (done.returncode != 2 or seconds > _LONG):
        return f"{name}: exit code {done.returncode} after {seconds:.0f} s\n{done.stderr}"
    return None


def main() -> None:
    faults = []
    for name, prepare in PLACES.items():
        for options in (["--executor", "serial"], []):
            with tempfile.TemporaryDirectory(prefix="places-") as place:
                faults.append(tried(name, prepare, options, Path(place)))
    nobody = f"setpriv --reuid={_NOBODY} --regid={_NOBODY} --clear-groups env -u HOME"
    for options in (["--executor", "serial"], []):
        with tempfile.TemporaryDirectory(prefix="places-") as place:
            Path(place).chmod(0o777)
            faults.append(tried("a user without an entry", f"{_HIDE_ROOT}; cd /", options, Path(place), nobody))
    wrong = [fault for fault in faults if fault]
    sys.exit("\n\n".join(wrong) if wrong else None)


if __name__ == "__main__":
    main()
