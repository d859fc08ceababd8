"""spandrel and small networks of its architectures, for tests; also without torchvision."""

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest


def spandrel_or_skip(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the package; skip where it is not installed.

    It needs torchvision for two of its networks alone, and no build of that goes with every build
    of torch: a stand-in takes its place where there is none.
    """
    if "spandrel" not in sys.modules and find_spec("torchvision") is None:
        names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
        functional = ModuleType(names[-1])
        for unused in ("InterpolationMode", "rotate", "normalize"):
            setattr(functional, unused, None)
        for name in names[:-1]:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, names[-1], functional)
    return pytest.importorskip("spandrel", reason="needs the extra 'zoo'")
