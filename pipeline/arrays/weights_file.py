"""Trained weights from disk: those that their card is of, for the network that they are of."""

from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from pipeline.arrays.stage_outputs import read_json


class WeightsError(ValueError):
    """Weights are damaged, or those of another network."""


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of ``weights.safetensors``.

    Args:
        path: The file; if a card is beside it, they must be the weights that the card is of.

    Raises:
        OSError: There is no such file.
        ValueError: It or its card is damaged.
    """
    content, card = path.read_bytes(), path.with_name("card.json")
    noted = read_json(card)["weights_sha256"] if card.exists() else None
    if noted not in (None, sha256(content).hexdigest()):
        raise WeightsError(
            f"{path}: expected the weights that {card.name} beside it is of, came others, so one "
            "of the two files is damaged; `dvc repro` writes them anew"
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise WeightsError(
            f"{path}: expected a whole safetensors file, but {error}; `dvc repro` writes it anew"
        ) from error


def load_weights(network: nn.Module, path: Path) -> None:
    """Give a network the tensors of ``weights.safetensors``, which are all of its own.

    Raises:
        OSError: There is no such file.
        ValueError: It or its card is damaged, or it has the weights of another network.
    """
    tensors = read_weights(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} does not hold the weights of the {type(network).__name__} that params.yaml "
            f"describes ({str(error).splitlines()[-1].strip()}); `dvc repro` writes them anew"
        ) from error
