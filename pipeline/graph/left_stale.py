"""What a run of some stages leaves out of date, in words: nobody shall take it for done."""

from collections.abc import Collection, Mapping

from pipeline.graph import dag
from pipeline.nearest import first_of


def describe_left_stale(graph: Mapping[str, dag.Stage], chosen: Collection[str]) -> str:
    """Say which stages outside of ``chosen`` are out of date, or follow one that is.

    Args:
        graph: All stages.
        chosen: Those that are asked for.

    Returns:
        Empty if there are none.
    """
    stale = [name for name in dag.causes(graph) if name not in chosen]
    if not stale:
        return ""
    # Whoever reads of an experiment does not need to read of its patches as well.
    needed = {need for name in stale if not graph[name].gathers for need in graph[name].needs}
    names = list(dict.fromkeys(dag.key_of(name) for name in stale if name not in needed))
    named = first_of(names, dag.MOST_NAMES)
    count = "1 stage" if len(stale) == 1 else f"{len(stale)} stages"
    them = "it" if len(stale) == 1 else "them"
    return f"left stale: {count} of {named}: `restore run` brings {them} up to date"
