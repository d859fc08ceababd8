"""A copy of the project without Git, such as an unpacked archive: DVC has to be told of it."""

import configparser
import contextlib
from pathlib import Path

_SECTION, _KEY = "core", "no_scm"


def settle_without_git(root: Path) -> str | None:
    """Have DVC work in a copy of the project that has no Git, from now on.

    Args:
        root: Folder of the project.

    Returns:
        What people should know of it; None where there is Git, or DVC knows already.

    Raises:
        OSError: DVC's configuration cannot be written.
    """
    folder = root / ".dvc"
    if not folder.is_dir() or any((above / ".git").exists() for above in (root, *root.parents)):
        return None
    if any(_is_told(_read(folder / name)) for name in ("config", "config.local")):
        return None
    local = _read(folder / "config.local")
    if not local.has_section(_SECTION):
        local.add_section(_SECTION)
    local.set(_SECTION, _KEY, "true")
    with (folder / "config.local").open("w", encoding="utf-8") as file:
        local.write(file)
    return (
        "this copy of the project has no Git, which DVC is told now (core.no_scm in "
        ".dvc/config.local): the commit that a run was made with, and what was edited since, are "
        "recorded as 'unknown'; after `git init`, remove that line"
    )


def _is_told(config: configparser.ConfigParser) -> bool:
    return config.get(_SECTION, _KEY, fallback="").strip().lower() == "true"


def _read(path: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    # DVC says what is wrong with it.
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        config.read(path, encoding="utf-8")
    return config
