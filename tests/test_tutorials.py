"""The tutorials run from top to bottom, in a folder of their own, as a reader would run them."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
CONNECTIONS = ROOT.parent / "shared" / "data" / "suite" / "nslkdd-raw.csv.gz"
_BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Reader:
    """Does what a tutorial says, block by block."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, ""
        tools = folder / "tools"
        tools.mkdir()
        (tools / "gmvae-bench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bench.cli.main "$@"\n')
        (tools / "gmvae-bench").chmod(0o755)
        # Names of Ray's sockets must be short.
        self.environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "RAY_TMPDIR": "/tmp"}  # noqa: S108
        self.servers: list[subprocess.Popen[bytes]] = []

    def read(self, tutorial: Path) -> None:
        for kind, block in _BLOCK.findall(tutorial.read_text()):
            if block.rstrip().endswith("&"):
                self._serve(block)
            else:
                self._run([sys.executable, "-c", block] if kind == "python" else ["bash", "-e", "-c", block])

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
        self.said += done.stdout

    def _serve(self, block: str) -> None:
        words = block.rstrip(" &\n").split()
        port = words[words.index("--port") + 1]
        self.servers.append(subprocess.Popen(words, cwd=self.folder, env=self.environment, start_new_session=True))
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        pytest.fail(f"{block} does not answer")

    def close(self) -> None:
        for server in self.servers:
            server.send_signal(signal.SIGINT)
        for server in self.servers:
            server.wait(60)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reading = Reader(tmp_path)
    yield reading
    reading.close()


def told_right(said: str) -> float:
    return float(re.search(r"the new data say the class of [\d,]+ items: ([\d.]+) %", said)[1])  # type: ignore[index]


@pytest.mark.slow
@pytest.mark.ray
def test_pictures(reader: Reader) -> None:
    reader.read(ROOT / "docs" / "tutorials" / "digits.md")
    assert told_right(reader.said) > 90
    assert '"class"' in reader.said.replace("'", '"')


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.skipif(not CONNECTIONS.is_file(), reason="the connections are not here")
def test_tables(reader: Reader) -> None:
    # A part of them: training on all takes minutes.
    pd.read_csv(CONNECTIONS, nrows=4_000).to_csv(reader.folder / "connections.csv.gz", index=False)
    reader.read(ROOT / "docs" / "tutorials" / "connections.md")
    assert told_right(reader.said) > 85
