"""Which package runs the programs of a kind, and whether it is here; needs no torch."""

from importlib.util import find_spec

_PACKAGES = {
    "onnx": ("an ONNX file", "onnxruntime", "export"),
    "spandrel": ("a program of kind spandrel", "spandrel", "zoo"),
}
"""By kind: what it is in words, the package, and the extra that installs it."""


def missing_package(kind: str) -> str:
    """Return which package a kind of programs lacks, and how to get it; empty if it lacks none.

    Args:
        kind: As ``params.yaml`` has it.
    """
    if kind not in _PACKAGES:
        return ""
    what, package, extra = _PACKAGES[kind]
    if find_spec(package) is not None:
        return ""
    return (
        f"{what} needs {package}, not installed here; in the project's folder, `pip install "
        f"--constraint .ci/constraints.txt --editable '.[{extra}]'` installs it"
    )
