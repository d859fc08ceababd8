"""What a stage gets on the nodes of a cluster: never more than one of them has."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.graph.dag import Stage


@dataclass(frozen=True)
class Share:
    """What a stage asks for, or what a node has."""

    cores: float
    gpus: float
    memory: float
    """GiB."""

    def __str__(self) -> str:
        return f"{self.cores:g} core(s), {self.gpus:g} GPU(s), {self.memory:.1f} GiB"


def cut_to_fit(stage: Stage, nodes: Iterable[Share]) -> Share:
    """Return what ``stage`` needs, cut where no node has all of it.

    A node that has a GPU for it goes before others, and then one with more memory.

    Args:
        stage: Wants a number of cores, GPUs and memory.
        nodes: At least one.
    """
    wanted = Share(float(stage.cpus), float(stage.gpus), stage.memory)
    return max(
        (_common(wanted, node) for node in nodes),
        key=lambda share: (share.gpus, share.memory, share.cores),
    )


def _common(one: Share, other: Share) -> Share:
    return Share(
        min(one.cores, other.cores), min(one.gpus, other.gpus), min(one.memory, other.memory)
    )
