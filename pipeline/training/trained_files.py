"""What a training leaves behind: weights with their card."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from pipeline.arrays.file_checksum import sha256_of
from pipeline.running.outputs import new_folder
from pipeline.training.loop import Training


def write_weights(training: Training, facts: Mapping[str, Any], out: Path) -> Path:
    """Write the weights and their model card, and return where the weights are.

    Args:
        training: At its end.
        facts: Of the card, beside what the training itself knows.
        out: Folder to make: ``weights.safetensors`` and ``card.json``.

    Raises:
        OSError: They cannot be written.
    """
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in training.network.state_dict().items()
    }
    with new_folder(out) as folder:
        save_file(tensors, folder / "weights.safetensors")
        card = {
            **facts,
            "parameters": sum(p.numel() for p in training.network.parameters()),
            "steps": training.step,
            "micro_batch": training.micro_batch,
            "learning_rate_halved_at": training.halved_at,
            "weights_sha256": sha256_of(folder / "weights.safetensors"),
        }
        (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    return out / "weights.safetensors"
