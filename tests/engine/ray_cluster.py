"""A Ray cluster of two nodes on this machine: prints its address, then obeys ``remove`` and ``add`` until its input ends.

Nodes have one CPU, or as many as the argument.

As a program of its own, since Ray warns and logs in ways that tests take for errors.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster


def main() -> None:
    """Serve until standard input ends."""
    cpus = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=cpus)]
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line.strip() == "remove":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            nodes.append(cluster.add_node(num_cpus=cpus))
        sys.stdout.write("done\n")
        sys.stdout.flush()
    cluster.shutdown()


if __name__ == "__main__":
    main()
