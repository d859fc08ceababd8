"""What every node of a cluster must have in common with the head that sends it stages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NodeFacts:
    """What a node says of itself."""

    node: str
    """Its address."""
    python: str
    """Version with major and minor number."""
    engine: str
    """Version of what makes the cluster."""
    has_python: bool
    """Whether the head's Python is at the same path."""
    shares_files: bool
    """Whether it found the file that the head wrote, and the head the one that it wrote."""


def find_fault(head: NodeFacts, node: NodeFacts, *, program: str, folder: str) -> str | None:
    """Return what to mend before stages can run on ``node``, or None.

    Args:
        head: The machine that sends stages.
        node: One that is to run them.
        program: Path of the head's Python.
        folder: That of the project.
    """
    if node.python != head.python:
        return f"{node.node} has Python {node.python}, expected {head.python} as here"
    if node.engine != head.engine:
        return f"{node.node} has Ray {node.engine}, expected {head.engine} as here"
    if not node.shares_files:
        return (
            f"{node.node} does not see {folder} as this machine does: the project must be at the "
            "same path of a file system that all nodes share and may write to"
        )
    if not node.has_python:
        return (
            f"{node.node} has no {program}: the project's environment must be at the same path on "
            "all nodes, best on the shared file system"
        )
    return None
