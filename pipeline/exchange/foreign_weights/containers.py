"""Tell the kinds of files apart, and read those that hold named arrays: nothing is executed."""

from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.limits import LARGEST_FILE
from pipeline.exchange.foreign_weights.torch_files import read_torch

Container = Literal["torch", "safetensors", "matlab", "hdf5"]

_HDF5 = b"\x89HDF\r\n\x1a\n"


def recognise(path: Path) -> Container:
    """Tell from its first bytes how a file must be read.

    Raises:
        ForeignWeightsError: It cannot be read, is too large, or is of none of these kinds.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise ForeignWeightsError(f"{path}: cannot be read: {error.strerror}") from error
    if size > LARGEST_FILE:
        raise ForeignWeightsError(
            f"{path}: expected at most {LARGEST_FILE >> 20} MiB of weights, came {size >> 20} MiB"
        )
    if _HDF5 in (head[:8], head[512:520]):
        return "hdf5"
    if head.startswith(b"MATLAB 5.0"):
        return "matlab"
    # Before the pickles: the length of a header of safetensors may begin as they do.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size:
        return "safetensors"
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return "torch"
    raise ForeignWeightsError(
        f"{path}: expected a PyTorch state dict (.pth, .pt), .safetensors or MATLAB's .mat; its "
        f"first bytes are {head[:8]!r}"
    )


def read_content(path: Path, container: Container) -> tuple[Any, tuple[str, ...]]:
    """Return what a PyTorch or safetensors file holds, and the names of code in it, not run.

    Raises:
        ForeignWeightsError: The file is damaged, or holds what is not to be read.
    """
    if container == "torch":
        return read_torch(path)
    try:
        return load_file(path), ()
    except (SafetensorError, OSError, ValueError) as error:
        raise ForeignWeightsError(f"{path}: a damaged safetensors file: {error}") from error
