"""Where the project is, the folder that holds ``dvc.yaml``, and whether its own code runs."""

from pathlib import Path


class ProjectError(ValueError):
    """The command was not given inside a project."""


def find_root(start: Path) -> Path:
    """Return the nearest folder with a ``dvc.yaml``, from ``start`` upwards.

    Raises:
        ProjectError: There is none.
    """
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise ProjectError(
        f"expected a folder with a dvc.yaml, here or above; came {start.absolute()}: "
        "go to the project's folder and try again"
    )


def find_other_code(start: Path) -> Path | None:
    """Return the project around ``start`` if it has code of its own that is not this one."""
    try:
        root = find_root(start)
    except ProjectError:
        return None
    is_whole = (root / "pipeline" / "cli.py").is_file()
    return root if is_whole and not root.samefile(Path(__file__).parents[2]) else None
