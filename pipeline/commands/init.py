"""``restore init``: a project of one's own, with nothing but an installation."""

import argparse
import shutil
from pathlib import Path

from pipeline.commands import SUCCESS, USAGE, CommandError
from pipeline.commands.project_files import HERE, InstallationError, write_project_files
from pipeline.graph.project import ProjectError, find_root

SUMMARY = "make a project of your own in a new folder"

_KEPT = {".git"}
"""What may be in the folder already: a repository that was made for the project."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "folder",
        type=lambda text: Path(text).resolve(),
        metavar="FOLDER",
        help="a new folder, or an empty one (a .git may be in it)",
    )
    parser.add_argument(
        "--preset",
        default="quick",
        metavar="NAME",
        help="which of the shipped versions becomes its params.yaml (otherwise quick)",
    )


def run(_root: Path, options: argparse.Namespace) -> int:
    """Write the project, and say what to do next.

    Raises:
        CommandError: There is no such preset, the folder is not empty or in another project, or it
            cannot be written.
    """
    from pipeline.checking.preset import PresetError, find_preset

    folder: Path = options.folder
    try:
        preset = find_preset(HERE, options.preset)
    except PresetError as error:
        raise CommandError(str(error), USAGE) from error
    try:
        _check_place(folder)
        _write(folder, preset)
    except OSError as error:
        raise CommandError(
            f"{_reason(error)}; expected to make the project {folder}: choose a folder that you "
            "may write in, on a disk with room"
        ) from error
    except InstallationError as error:
        raise CommandError(str(error)) from error
    print(
        f"{folder} is a project now, with the settings of the preset '{options.preset}' in "
        "params.yaml,\nand with its own code in pipeline/ and stages/. Next:\n"
        f"  cd {folder}\n"
        "  git init       # if you like: then runs are recorded with their commit\n"
        "  restore plan   # what would run, and why; has DVC do without Git where there is none\n"
        "  restore run    # or, from then on, `dvc repro`"
    )
    return SUCCESS


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error):  # of a whole folder: one file stands for all
        _, _, why = error.args[0][0]
        return str(why)
    return f"{error.filename}: {error.strerror}"


def _check_place(folder: Path) -> None:
    if folder.exists() and {path.name for path in folder.iterdir()} - _KEPT:
        raise CommandError(f"{folder}: expected a new or an empty folder; name another one", USAGE)
    try:
        around = find_root(folder)
    except ProjectError:
        return
    raise CommandError(
        f"{folder} would be inside the project {around}: name a folder outside of it, or work in "
        "that project (`restore preset` lists its settings, `restore plan` what would run)",
        USAGE,
    )


def _write(folder: Path, preset: Path) -> None:
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_project_files(folder)
        shutil.copyfile(preset, folder / "params.yaml")
    except BaseException:  # an interruption too: half a project is none, and would be in the way
        _clear(folder)
        if is_new:
            folder.rmdir()
        raise


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name in _KEPT:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
