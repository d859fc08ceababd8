"""Read files that hold named arrays: PyTorch's and safetensors; nothing in them is executed."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError, Values

Container = Literal["torch", "safetensors", "matlab", "hdf5"]

LARGEST_FILE = 512 * 2**20
"""Bytes: a hundred times the largest network that can be imported."""

MOST_VALUES = 2**27
"""Numbers in all tensors together: a file may claim more than it holds."""

WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net", "network")
"""Keys under which checkpoints keep the state dict, the one that inference uses first."""

_DEEPEST = 4
"""Wrappers within one another, at most."""

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
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return "torch"
    if head[8:9] == b"{":
        return "safetensors"
    raise ForeignWeightsError(
        f"{path}: expected a PyTorch state dict (.pth, .pt), .safetensors or MATLAB's .mat; its "
        f"first bytes are {head[:8]!r}"
    )


def read_tensors(path: Path, container: Container) -> dict[str, Values]:
    """Return the tensors of a PyTorch or safetensors file by name.

    Wrappers such as ``{"state_dict": ...}`` and the prefix ``module.`` are taken off.

    Raises:
        ForeignWeightsError: The file is damaged, holds anything but tensors, or too many.
    """
    content = _read_safetensors(path) if container == "safetensors" else _read_torch(path)
    tensors = _unwrap(path, content)
    if sum(tensor.numel() for tensor in tensors.values()) > MOST_VALUES:
        raise ForeignWeightsError(f"{path}: expected at most {MOST_VALUES:,} values, came more")
    return {name: _as_values(path, name, tensor) for name, tensor in tensors.items()}


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ForeignWeightsError(f"{path}: a damaged safetensors file: {error}") from error


def _read_torch(path: Path) -> Any:  # noqa: ANN401  (whatever somebody saved)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ForeignWeightsError(f"{path}: {_why_refused(str(error))}") from error
    except Exception as error:  # a damaged file may raise anything in torch's readers
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ForeignWeightsError(
            f"{path}: not a state dict, or damaged (download it again?): {first}"
        ) from error


def _why_refused(message: str) -> str:
    named = re.search(r"GLOBAL (\S+)", message)
    if not named:
        # Torch's own words say how to switch its protection off: not to be repeated.
        return (
            "expected a state dict, tensors by name; came a damaged file (download it again?) or a "
            "pickle of something else, which is never executed here"
        )
    return (
        f"expected a state dict, tensors by name; came a pickle that wants to call "
        f"{named[1].rstrip('.,')}: a whole model or other code, which is never executed here. If "
        "you trust it, load it with its authors' code and save model.state_dict() instead"
    )


def _unwrap(path: Path, content: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401
    for _ in range(_DEEPEST):
        if _is_state_dict(content):
            break
        if not isinstance(content, Mapping):
            raise ForeignWeightsError(
                f"{path}: expected tensors by name; came a {type(content).__name__}"
            )
        inner = next((key for key in WRAPPERS if key in content), None)
        if inner is None:
            keys = ", ".join(map(str, list(content)[:8])) or "(none)"
            raise ForeignWeightsError(
                f"{path}: expected tensors by name, or such a state dict under one of "
                f"{', '.join(WRAPPERS)}; came the keys {keys}"
            )
        content = content[inner]
    else:
        raise ForeignWeightsError(f"{path}: expected tensors by name; came wrappers without end")
    tensors = dict(content)
    while tensors and all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _is_state_dict(content: Any) -> bool:  # noqa: ANN401
    if not isinstance(content, Mapping) or not content:
        return False
    return all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items())


def _as_values(path: Path, name: str, tensor: torch.Tensor) -> Values:
    if name.endswith(".num_batches_tracked"):  # a counter of the training, of no effect
        return np.zeros(())
    if not tensor.is_floating_point() or tensor.layout != torch.strided:
        raise ForeignWeightsError(
            f"{path}: expected floating-point tensors; {name} is {tensor.dtype} ({tensor.layout})"
        )
    values: Values = tensor.detach().to(torch.float64).numpy()
    return values
