"""The same command on clusters of several nodes: logical ones of one machine, separate hosts, and storage that all see."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from runs import (
    KEYS,
    METHODS,
    PATIENT,
    RUN,
    Ray,
    descendants,
    finish,
    has_state,
    keep_unfinished,
    run,
    same_as,
    start,
    wait_for,
)  # fmt: skip

from bench.store.storage import parse_storage

TESTS = Path(__file__).parent / "support"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "1f" * 32}
# Ray and Arrow would go on trying for longer, even where two cores have much else to do.
SOON = 100
KEYS_OF_BOTO = {name.lower(): value for name, value in KEYS.items()}
Command = Callable[..., tuple[int, str, str]]


class Nodes:
    """The process of `nodes.py`."""

    def __init__(self, temporary: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "nodes.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | TOKEN | PATIENT | {"HOME": str(temporary)},
        )
        self.address = self._line()
        self._count = 0

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def add(self, **options: int) -> int:
        """Add a node; return its number."""
        self._say("add", json.dumps(options))
        self._count += 1
        return self._count - 1

    def remove(self, number: int) -> None:
        """Kill a node."""
        self._say("remove", str(number))

    def _say(self, verb: str, what: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{verb} {what}\n")
        self.process.stdin.flush()
        assert self._line() == "done"

    def end(self) -> None:
        """End the cluster."""
        self.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A cluster whose second node has a GPU. Ray takes a while to forget nodes that were killed: who kills them comes last."""
    cluster = Nodes(tmp_path_factory.mktemp("home"))
    cluster.add(num_cpus=1)
    cluster.add(num_cpus=2, num_gpus=1)
    yield cluster
    cluster.end()


def node_of(pid: int) -> str:
    """Return the command line of the raylet that a worker belongs to."""
    parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    return Path(f"/proc/{parent}/cmdline").read_text()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "nothing answers at --address 127.0.0.1:9"),
        ("nowhere", "--address got 'nowhere'; expected local, auto or HOST:PORT"),
    ],
    ids=["nobody", "no address"],
)
def test_an_address_without_a_cluster(command: Command, tmp_path: Path, address: str, message: str) -> None:
    code, _, messages = command(*RUN, "--methods", "knn", "--address", address, "--out", str(tmp_path / "run"))
    assert code == 2
    assert message in messages


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_that_lets_no_one_in_without_its_token_and_has_no_node_with_so_many_gpus(nodes: Nodes, tmp_path: Path) -> None:
    wrong = "2e" * 32
    begun = time.monotonic()
    # In a home without tokens.
    environment = TOKEN | {"RAY_AUTH_TOKEN": wrong, "HOME": str(tmp_path / "elsewhere")}
    _, messages = run(tmp_path / "run", "--methods", "knn", "--address", nodes.address, expected_code=2, **environment)
    assert time.monotonic() - begun < SOON
    assert "RAY_AUTH_MODE=token" in messages.replace("\n", " ")
    for token in (TOKEN["RAY_AUTH_TOKEN"], wrong):
        assert token not in messages
    too_many = ["--gpus-per-trial", "2", "--address", nodes.address]
    _, messages = run(tmp_path / "more", *METHODS, *too_many, expected_code=2, **TOKEN)
    assert "--gpus-per-trial asks for 2, but the cluster has no node with more than 1 GPU;" in messages


@pytest.mark.ray
@pytest.mark.slow
def test_trainings_share_the_gpu_of_a_node_that_leaves_then_that_of_one_that_joins(
    nodes: Nodes, undisturbed: Path, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    # A logical GPU: Ray deals it out, the trainings themselves stay on the CPU.
    shared = ["--gpus-per-trial", "0.5", "--device", "cpu", "--address", nodes.address]
    process = start(folder, *METHODS, *shared, **TOKEN)
    wait_for(lambda: len(descendants(nodes.process.pid, "ray::ImplicitFunc.train")) == 2, process)
    for pid in descendants(nodes.process.pid, "ray::ImplicitFunc.train"):
        assert '"GPU' in node_of(pid) or "GPU," in node_of(pid)
    wait_for(lambda: has_state(folder) or has_state(folder, "k10-s1"), process)
    nodes.remove(1)
    nodes.remove(0)
    nodes.add(num_cpus=2, num_gpus=1)
    output, messages = finish(process)
    same_as(folder, undisturbed)
    # Ray's own words fill a page for each.
    assert "aylet" not in output + messages
    assert "left the cluster: what was begun there is done elsewhere" in messages
    for name in ("report", "status"):
        _, shown, told = command(name, str(folder))
        output += shown + told
    everything = [path.read_bytes().decode("latin1") for path in folder.rglob("*") if path.is_file()]
    assert not any(TOKEN["RAY_AUTH_TOKEN"] in text for text in (output, messages, *everything))


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a folder on a server that speaks S3."""
    boto3 = pytest.importorskip("boto3")
    log = tmp_path_factory.mktemp("moto") / "moto.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], stdout=file, stderr=file, text=True
        )
    for _ in range(300):
        found = [line for line in log.read_text().splitlines() if "Running on http://" in line]
        if found:
            break
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    endpoint = found[0].rpartition("http://")[2].strip()
    client = boto3.client("s3", endpoint_url=f"http://{endpoint}", region_name="us-east-1", **KEYS_OF_BOTO)
    client.create_bucket(Bucket="bucket")
    yield f"s3://bucket/some/place?scheme=http&region=us-east-1&endpoint_override={endpoint}"
    server.kill()
    server.communicate()


@pytest.mark.ray
@pytest.mark.slow
def test_checkpoints_on_s3(bucket: str, ray: Ray, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    # As a process that was killed in its first training leaves it.
    folder = Path(shutil.copytree(undisturbed, tmp_path / "run", ignore=shutil.ignore_patterns("models", "records.parquet")))
    run_id = json.loads((folder / "config.json").read_text())["run_id"]
    storage = parse_storage(bucket).inner(f"run-{run_id}")
    begun = keep_unfinished(folder, "k10-s0", epochs=15, storage=storage.location)
    assert storage.has("k10-s0/training.safetensors")
    run(folder, *METHODS, "--storage", bucket, *ray.options, **KEYS)
    same_as(folder, undisturbed)
    seconds = pd.read_csv(folder / "models" / "k10-s0" / "history.csv")["seconds"].tolist()
    assert seconds[:15] == pytest.approx([stats.seconds for stats in begun])
    assert not storage.has("k10-s0/training.safetensors")
    assert not any("very-secret-key" in path.read_bytes().decode("latin1") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("s3://nobucket/x?scheme=http&region=us-east-1&endpoint_override={endpoint}", "NO_SUCH_BUCKET"),
        ("s3://bucket/x?scheme=http&region=us-east-1&endpoint_override=127.0.0.1:9", "cannot be"),
        ("s3://bucket/x?colour=red", "unknown option colour; known are region, scheme, endpoint_override"),
    ],
)
def test_a_storage_that_cannot_be_used_is_named_at_once(
    bucket: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, message: str
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    location = location.format(endpoint=bucket.rpartition("=")[2])
    begun = time.monotonic()
    same = [*RUN, *METHODS, "--executor", "serial", "--out", str(tmp_path / "run")]
    code, _, messages = command(*same, "--storage", location)
    assert code == 2
    assert time.monotonic() - begun < SOON
    assert message in messages
    assert "very-secret-key" not in messages
