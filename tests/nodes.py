"""Ray nodes of a test cluster in one process, driven by lines on standard input: `add {"num_cpus": 1}`, `remove 0`.

Says the cluster's address first, then a line for every line that is done; the cluster ends with the input.
"""

import json
import sys

from ray.cluster_utils import Cluster


def say(text: str) -> None:
    """Answer."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
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
