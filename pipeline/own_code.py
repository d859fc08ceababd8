"""Console script ``restore``, of an installation: a project has code of its own, which it runs."""

import importlib
import os
import sys
from pathlib import Path

from pipeline.graph.project import ProjectError, find_root

_HERE = Path(__file__).parents[1]
"""The folder that ``pipeline`` was imported from."""


def main() -> int:
    """Run a command with the code of the project that it is given in, if it has its own."""
    own = find_other_code(Path.cwd())
    if own is not None:
        # Children too, such as those that restore photographs, wherever they run.
        paths = filter(None, [str(own), os.environ.get("PYTHONPATH")])
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        sys.path.insert(0, str(own))
        for name in [name for name in sys.modules if name.partition(".")[0] == "pipeline"]:
            del sys.modules[name]
    code: int = importlib.import_module("pipeline.cli").main()
    return code


def find_other_code(start: Path) -> Path | None:
    """Return the project around ``start`` if it has code of its own that is not this one."""
    try:
        root = find_root(start)
    except ProjectError:
        return None
    is_whole = (root / "pipeline" / "cli.py").is_file()
    return root if is_whole and not root.samefile(_HERE) else None
