"""spandrel and small networks of its architectures, for tests; without torchvision."""

import sys
from types import ModuleType
from typing import Any

import pytest


def spandrel_or_skip(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the package; skip where it is not installed.

    It needs torchvision for two of its networks alone, and no build of that goes with every build
    of torch: a stand-in takes its place.
    """
    if "spandrel" not in sys.modules:
        names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
        functional = ModuleType(names[-1])
        for unused in ("InterpolationMode", "rotate", "normalize"):
            setattr(functional, unused, None)
        for name in names[:-1]:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, names[-1], functional)
    return pytest.importorskip("spandrel", reason="needs the extra 'zoo'")
