"""Networks as PyTorch's exported programs, which run without our code."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from pipeline.exchange.exporting.interface import Facts
from pipeline.models.parts.settings import Model

FACTS_FILE = "restore.json"
"""Name of the extra file with the facts."""


def write(program: ExportedProgram, model: Model, facts: Facts, path: Path) -> None:  # noqa: ARG001  (one signature for all formats)
    """Write a captured network as an exported program.

    Args:
        program: The network.
        model: Its settings.
        facts: Become the extra file ``restore.json``.
        path: File to write.
    """
    with path.open("wb") as file:
        torch.export.save(program, file, extra_files={FACTS_FILE: json.dumps(facts)})


def open_network(path: Path) -> Callable[[Tensor], Tensor]:
    """Return the network of an exported program."""
    with path.open("rb") as file:
        network: Callable[[Tensor], Tensor] = torch.export.load(file).module()
    return network
