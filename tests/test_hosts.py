"""A cluster of separate hosts: each has a network, a name, processes and temporary files of its own."""

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hosts import PORT, Host, Hosts, possible
from runs import FAULTY, GMVAE_BENCH, METHODS, RUN, finish, same_as, wait_for

import bench

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "1f" * 32}
# Ray would go on trying for longer, even where two cores have much else to do.
SOON = 100


def on(host: Host, folder: Path, *options: str, command: Sequence[str] = GMVAE_BENCH) -> subprocess.Popen[str]:
    """Start the run on a host, by the address of the cluster's head."""
    return host.start([*command, *RUN, "--out", str(folder), *METHODS, "--address", f"10.77.0.1:{PORT}", *options], **TOKEN)


def hide(folder: Path) -> str:
    """Return the shell command that makes a host see nothing in a folder."""
    return f"mount -t tmpfs none {shlex.quote(str(folder))}"


@pytest.mark.skipif(not possible(), reason="needs root and network namespaces")
@pytest.mark.hosts
@pytest.mark.ray
@pytest.mark.slow
def test_separate_hosts_share_nothing_but_the_storage_and_those_that_cannot_take_part_are_named(
    undisturbed: Path, tmp_path: Path
) -> None:
    mine, shared = tmp_path / "mine", tmp_path / "shared"
    mine.mkdir()
    shared.mkdir()
    folder, slow, refused = (mine / name for name in ("run", "slow", "refused"))
    package = Path(bench.__path__[0])
    other = tmp_path / "errors.py"
    other.write_text((package / "errors.py").read_text() + "\n# Changed.\n")
    with Hosts(tmp_path / "hosts", TOKEN) as hosts:
        head = hosts.head()
        second = hosts.worker([hide(mine)])
        process = on(head, folder, "--storage", str(shared))
        wait_for(lambda: len(list(shared.glob("run-*/k10-s?/training.safetensors"))) == 2, process)
        second.kill()
        hosts.worker([hide(mine)])
        finish(process)
        finish(on(head, slow, "--storage", str(shared), "--methods", "slow", "--label-seeds", "4", command=FAULTY))
        hosts.worker([hide(package)])
        hosts.worker([f"mount --bind {other} {package / 'errors.py'}"])
        begun = time.monotonic()
        _, messages = finish(on(head, refused), expected_code=2)
        assert time.monotonic() - begun < SOON
    same_as(folder, undisturbed)
    assert not list(shared.rglob("*.safetensors"))
    assert set(pd.read_parquet(slow / "records.parquet")["host"]) == {"host1", "host3"}
    assert f"node 10.77.0.3 does not see {refused}/checkpoints" in messages
    assert "give --storage a folder that all nodes share, or s3://bucket/folder" in messages
    assert "node 10.77.0.4 lacks the package; `pip install gmvae-bench==" in messages
    assert "node 10.77.0.5 has other sources" in messages
