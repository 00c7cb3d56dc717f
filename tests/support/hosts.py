"""Separate hosts on one machine, for tests of real clusters: each has a network, name, processes and temporary folder.

Needs root and Linux. The switch that joins the hosts lives in a network namespace too, so that the machine's own network is not
touched; killing a host kills everything on it, as pulling its plug would.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

RAY = Path(sys.executable).parent / "ray"
PORT = 6399


def possible() -> bool:
    """Whether this machine lets us make hosts."""
    if os.geteuid() != 0 or not all(shutil.which(tool) for tool in ("ip", "unshare", "nsenter", "mount")):
        return False
    name = f"gb{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return made


class Hosts:
    """A switch and the hosts at it; used as a context manager."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        # Sockets have short names, and every host has its own folder of this name.
        self._temporary = Path(f"/tmp/gb{os.getpid()}")  # noqa: S108
        self._switch = f"gb{os.getpid()}-sw"
        self._hosts: list[Host] = []
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self._environment |= {"TMPDIR": str(self._temporary), "RAY_TMPDIR": str(self._temporary), "RAY_USAGE_STATS_ENABLED": "0"}
        self._environment |= environment

    def __enter__(self) -> Self:
        self._temporary.mkdir()
        _sh("ip", "netns", "add", self._switch)
        _sh("ip", "-n", self._switch, "link", "add", "br0", "type", "bridge")
        _sh("ip", "-n", self._switch, "link", "set", "br0", "up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for host in self._hosts:
            host.kill()
        for name in (*(host.namespace for host in self._hosts), self._switch):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self._temporary.rmdir()

    def head(self, mounts: Sequence[str] = ()) -> "Host":
        """Start the head of a Ray cluster, which has one CPU."""
        host = self._host(mounts)
        host.ray(
            "--head", f"--port={PORT}", f"--temp-dir={self._temporary}", "--include-dashboard=false", "--disable-usage-stats"
        )
        return host

    def worker(self, mounts: Sequence[str] = ()) -> "Host":
        """Start another node of the cluster; `mounts` are shell commands that change what it sees of the disk."""
        host = self._host(mounts)
        host.ray(f"--address={self._hosts[0].address}:{PORT}")
        return host

    def _host(self, mounts: Sequence[str]) -> "Host":
        number = len(self._hosts) + 1
        host = Host(number, self._switch, self._folder / f"host{number}", self._temporary, self._environment, mounts)
        self._hosts.append(host)
        return host


class Host:
    """One host; its first process is Ray."""

    def __init__(
        self, number: int, switch: str, folder: Path, temporary: Path, environment: Mapping[str, str], mounts: Sequence[str]
    ) -> None:
        self.name, self.address = f"host{number}", f"10.77.0.{number}"
        self.namespace = f"{switch}-{number}"
        self._folder, self._temporary, self._mounts = folder, temporary, mounts
        (folder / "tmp").mkdir(parents=True)
        (folder / "home").mkdir()
        self._environment = {**environment, "HOME": str(folder / "home")}
        _sh("ip", "netns", "add", self.namespace)
        port = f"p{number}"
        _sh("ip", "-n", self.namespace, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", switch)
        _sh("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
        _sh("ip", "-n", self.namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _sh("ip", "-n", self.namespace, "link", "set", "lo", "up")
        _sh("ip", "-n", self.namespace, "link", "set", "eth0", "up")
        self._process: subprocess.Popen[bytes] | None = None

    def ray(self, *options: str) -> None:
        """Start Ray and wait until it says that it runs."""
        limits = ("--num-cpus=1", "--object-store-memory=200000000", f"--node-ip-address={self.address}")
        ray = shlex.join([str(RAY), "start", "--block", *limits, *options])
        private = f"mount --bind {self._folder / 'tmp'} {self._temporary}"
        script = " && ".join([f"hostname {self.name}", private, *self._mounts, f"exec {ray}"])
        apart = ["--uts", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
        command = ["nsenter", f"--net=/var/run/netns/{self.namespace}", "unshare", *apart, "sh", "-c", script]
        log = self._folder / "ray.log"
        with log.open("w") as file:
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        for _ in range(600):
            if "Ray runtime started" in log.read_text():
                return
            assert self._process.poll() is None, log.read_text()
            time.sleep(0.1)
        raise TimeoutError(log.read_text())

    def start(self, command: Sequence[str], **environment: str) -> subprocess.Popen[str]:
        """Start a command on this host."""
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        inside = ["nsenter", "-t", tasks.read_text().split()[0], "-n", "-u", "-m", "-p"]
        return subprocess.Popen(
            [*inside, *command],
            env=self._environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def kill(self) -> None:
        """Pull the plug."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def _sh(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
