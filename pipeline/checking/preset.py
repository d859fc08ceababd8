"""Shipped versions of ``params.yaml``, and putting one in its place without losing edits."""

import itertools
import shutil
from pathlib import Path

from pipeline.checking.params_file import load_params
from pipeline.nearest import nearest_known


class PresetError(ValueError):
    """A preset is unknown, or taking it would lose the user's own settings."""


def list_presets(root: Path) -> dict[str, str]:
    """Return the presets of the project at ``root``: name and what it is for."""
    return {path.stem: _headline(path) for path in sorted(_folder(root).glob("*.yaml"))}


def find_preset(root: Path, name: str) -> Path:
    """Return the file of a preset.

    Raises:
        PresetError: It is unknown.
    """
    known = list_presets(root)
    if name not in known:
        raise PresetError(f"there is no preset '{name}'; {nearest_known(name, known)}")
    return _folder(root) / f"{name}.yaml"


def take_preset(root: Path, name: str, *, force: bool) -> Path | None:
    """Put the preset ``name`` in the place of ``params.yaml``, after validating it.

    Args:
        root: Folder of the project.
        name: Which preset.
        force: Take it even if ``params.yaml`` has edits of its own, and keep a copy of these.

    Returns:
        The copy, if one was made.

    Raises:
        PresetError: The preset is unknown, or ``params.yaml`` has edits and ``force`` is False.
        ParamsError: The preset itself has faults.
    """
    preset = find_preset(root, name)
    load_params(preset)
    params = root / "params.yaml"
    copy = None
    if params.exists() and not _is_shipped(params):
        if not force:
            raise PresetError(
                "params.yaml has edits of your own (it equals none of the presets): keep it, or "
                f"give --force to replace it; a copy will then be kept as {_copy_of(params).name}"
            )
        copy = _copy_of(params)
        shutil.copy2(params, copy)
    written = params.with_name(f".{params.name}.new")
    shutil.copyfile(preset, written)
    written.replace(params)
    return copy


def _folder(root: Path) -> Path:
    return root / "pipeline" / "checking" / "presets"


def _headline(path: Path) -> str:
    """Return the first sentence of the comment at the top that is meant for people."""
    lines = itertools.takewhile(
        lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines()
    )
    words = [line.removeprefix("#").strip() for line in lines if "yaml-language-server" not in line]
    return " ".join(words).partition(". ")[0].removesuffix(".")


def _is_shipped(params: Path) -> bool:
    presets = _folder(params.parent).glob("*.yaml")
    return any(preset.read_bytes() == params.read_bytes() for preset in presets)


def _copy_of(params: Path) -> Path:
    """Return a name for a copy that no earlier copy has."""
    copy = params.with_name(f"{params.name}.bak")
    number = 1
    while copy.exists():
        number += 1
        copy = params.with_name(f"{params.name}.bak{number}")
    return copy
