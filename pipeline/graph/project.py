"""Where the project is: the folder that holds ``dvc.yaml``."""

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
