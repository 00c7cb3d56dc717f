"""Ray nodes of a test cluster in one process.

Without arguments it is driven by lines on standard input: `add {"num_cpus": 1}`, `remove 0`. It says the cluster's address
first, then a line for every line that is done; the cluster ends with the input.

    python nodes.py PID FILE

goes into the background, starts one node with two CPUs, writes its own process and the cluster's address into the file, and ends
the cluster with the process PID, or when it gets SIGTERM.
"""

import json
import os
import select
import signal
import sys
from pathlib import Path

from ray.cluster_utils import Cluster


def say(text: str) -> None:
    """Answer."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def driven() -> None:
    """Add and remove nodes as the input says."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    say(cluster.address)
    nodes = []
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "add":
            nodes.append(cluster.add_node(**json.loads(rest)))
        else:
            cluster.remove_node(nodes[int(rest)], allow_graceful=False)
        say("done")
    cluster.shutdown()


def as_long_as(pid: int, file: Path) -> None:
    """Keep a cluster for as long as a process lives."""
    lives = os.pidfd_open(pid)
    if os.fork():
        return
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=2, include_dashboard=False)
        part = file.with_suffix(".part")
        part.write_text(json.dumps([os.getpid(), cluster.address]))
        part.rename(file)
        select.select([lives], [], [])
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    if sys.argv[1:]:
        as_long_as(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        driven()
