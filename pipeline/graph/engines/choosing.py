"""Engines by the names that people give."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pipeline.graph.engines import ENGINES
from pipeline.graph.engines.engine import Engine, EngineError


def open_engine(
    name: str, options: Mapping[str, str], *, root: Path, warn: Callable[[str], None]
) -> Engine:
    """Return an engine that is ready to run stages.

    Args:
        name: One of ``ENGINES``.
        options: What it is to know, in words that are its own.
        root: Folder of the project.
        warn: Told what is not as one would expect.

    Raises:
        EngineError: The name or an option is not known, or the engine cannot be had.
    """
    if name == "local":
        from pipeline.graph.engines.local import LocalEngine

        _refuse_others(name, options, ())
        return LocalEngine()
    if name == "ray":
        from pipeline.graph.engines.ray_cluster import RayEngine

        _refuse_others(name, options, ("address",))
        return RayEngine(options.get("address", "auto"), root=root, warn=warn)
    if name == "slurm":
        from pipeline.graph.engines.slurm_jobs import SlurmEngine

        return SlurmEngine(options, root=root, warn=warn)
    if name == "workers":
        from pipeline.graph.engines.remote_workers import RemoteWorkers

        return RemoteWorkers.open(options, root=root, warn=warn)
    raise EngineError(f"engine: expected one of {', '.join(ENGINES)}, came '{name}'")


def _refuse_others(name: str, options: Mapping[str, str], known: Collection[str]) -> None:
    if others := options.keys() - known:
        takes = f"only {', '.join(known)}" if known else "no options"
        raise EngineError(f"the engine '{name}' takes {takes}, came {', '.join(sorted(others))}")
