"""Trainings that begin with the weights of another one."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.arrays.weights_file import read_weights


def take_over(network: nn.Module, path: Path) -> dict[str, Any]:
    """Give a network the tensors of a file that have the names and shapes of its own.

    What differs stays as it is: the enlarging layers of a network for another scale.

    Args:
        network: Freshly initialised; it is changed.
        path: Weights, a safetensors file.

    Returns:
        For the model card: checksum of the file, and which tensors were not in it.

    Raises:
        ValueError: The file is damaged, or no tensor fits.
        OSError: The file cannot be read.
    """
    given, own = read_weights(path), network.state_dict()
    taken = {
        name: tensor
        for name, tensor in given.items()
        if name in own and own[name].shape == tensor.shape
    }
    if not taken:
        raise ValueError(
            f"{path}: expected weights to start from, with tensors like {next(iter(own))}; came "
            f"none of those names and shapes, but {', '.join(sorted(given)[:3])}, ..."
        )
    network.load_state_dict(taken, strict=False)
    return {
        "weights_sha256": sha256(path.read_bytes()).hexdigest(),
        "new": sorted(own.keys() - taken.keys()),
    }
