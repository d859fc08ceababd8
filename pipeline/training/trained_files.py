"""What a training leaves behind: weights with their card, and its curve."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from pipeline.arrays.file_checksum import sha256_of
from pipeline.running.outputs import new_file, new_folder
from pipeline.training.loop import CurvePoint, Training


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
            "weights_sha256": sha256_of(folder / "weights.safetensors"),
        }
        (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    return out / "weights.safetensors"


def write_curve(
    training: Training,
    columns: Sequence[str],
    values: Callable[[CurvePoint], Sequence[object]],
    path: Path,
) -> None:
    """Write the curve of a training as CSV.

    Args:
        training: At its end.
        columns: Names of the columns.
        values: Returns the row of a point.
        path: File to write.

    Raises:
        OSError: It cannot be written.
    """
    with new_file(path) as file, file.open("w", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(values(point) for point in training.curve)
