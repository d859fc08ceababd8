"""Engines by the names that people give."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.graph.engines.engine import Engine, EngineError
from pipeline.graph.engines.local import LocalEngine

ENGINES = ("local",)


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
    if name not in ENGINES:
        raise EngineError(f"engine: expected one of {', '.join(ENGINES)}, came '{name}'")
    del root, warn
    if options:
        raise EngineError(f"the engine 'local' takes no options, came {', '.join(options)}")
    return LocalEngine()
