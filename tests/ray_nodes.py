"""A Ray cluster of this machine, for tests.

``python -m tests.ray_nodes 1 2`` makes nodes of 1 and 2 cores. It prints its address, and ends
when its input does.
"""

import sys

from ray.cluster_utils import Cluster


def main(cores: list[int]) -> None:
    """Hold a cluster whose nodes have that many cores."""
    first, *others = cores
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": first, "include_dashboard": False}
    )
    for more in others:
        cluster.add_node(num_cpus=more)
    sys.stdout.write(f"address {cluster.address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
