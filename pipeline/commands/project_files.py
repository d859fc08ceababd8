"""The files of this installation that a new project gets: its code, and what its tools need."""

import importlib.metadata
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

CODE = ("pipeline", "stages")
"""The library and the stages: ``dvc.yaml`` names their files, so each project has its own."""

HERE = Path(__file__).parents[2]
"""The folder of the running code: a checkout, a project, or where packages are installed."""

_INSTALLED = "share/restore/"
_NEEDED = r"build-system|project|tool\.prefect|tool\.setuptools"
"""Tables of ``pyproject.toml`` that a project needs; the others are for the tests of the code."""


def write_project_files(folder: Path) -> None:
    """Write into an empty folder all that a project needs but ``params.yaml``.

    Raises:
        OSError: A file cannot be read or written.
        InstallationError: The installation lacks the files.
    """
    for name, source in _find_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    settings = folder / "pyproject.toml"
    settings.write_text(_needed_part(settings.read_text(encoding="utf-8")), encoding="utf-8")
    for code in CODE:
        shutil.copytree(
            HERE / code,
            folder / code,
            ignore=shutil.ignore_patterns("__pycache__"),
            # An installation may be read-only; the code of a project is there to be edited.
            copy_function=shutil.copyfile,
        )


class InstallationError(RuntimeError):
    """The installation lacks files of its own."""


def _find_files() -> Iterator[tuple[str, Path]]:
    """Yield the files beside the code: where in a project, and where in this installation."""
    if (HERE / "dvc.yaml").is_file():
        settings = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
        for names in settings["tool"]["setuptools"]["data-files"].values():
            yield from ((name, HERE / name) for name in names)
        return
    try:
        installed = importlib.metadata.files("restore") or []
    except importlib.metadata.PackageNotFoundError:
        installed = []
    found = [file for file in installed if _INSTALLED in file.as_posix()]
    if not found:
        raise InstallationError(
            f"expected the files of a project in {_INSTALLED} of the installation of restore, came "
            f"none (the code is in {HERE}): install its wheel with pip once more"
        )
    for file in found:
        yield file.as_posix().partition(_INSTALLED)[2], Path(str(file.locate()))


def _needed_part(settings: str) -> str:
    """Return a ``pyproject.toml`` without what needs files that a project does not have."""
    tables = re.split(r"^(?=\[)", settings, flags=re.MULTILINE)
    kept = "".join(table for table in tables if re.match(rf"\[({_NEEDED})[].]", table))
    return re.sub(r"^readme = .*\n", "", kept, flags=re.MULTILINE)
