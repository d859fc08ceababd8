"""The architectures that are there: a folder each, with ``settings.py`` and ``network.py``."""

import importlib
from pathlib import Path
from typing import TypeVar

from pipeline.models.parts.settings import Model
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.section import Section

Base = TypeVar("Base", bound=Section)


def architectures(base: type[Base]) -> dict[str, type[Base]]:
    """Return the settings of all architectures that derive from a class, by their names.

    Args:
        base: What networks that restore have in common, or those that recognise.

    Raises:
        ImportError: The module of an architecture defines no class of settings, or several.
    """
    found: dict[str, type[Base]] = {}
    for path in sorted(Path(__file__).parent.glob("*/settings.py")):
        arch = path.parent.name
        if not arch.endswith("parts"):
            settings = _settings_of(arch)
            if issubclass(settings, base):
                found[arch] = settings
    return found


def _settings_of(arch: str) -> type[Model | Recogniser]:
    """Return the one class of settings that a module defines.

    Raises:
        ImportError: It defines none, or several.
    """
    name = f"pipeline.models.{arch}.settings"
    own = [
        one
        for one in vars(importlib.import_module(name)).values()
        if isinstance(one, type) and issubclass(one, Model | Recogniser) and one.__module__ == name
    ]
    if len(own) != 1:
        raise ImportError(
            f"pipeline/models/{arch}/settings.py: expected one class that derives from Model or "
            f"Recogniser, came {', '.join(one.__name__ for one in own) or 'none'}; a base class "
            "that several share belongs to pipeline/models/parts"
        )
    return own[0]
