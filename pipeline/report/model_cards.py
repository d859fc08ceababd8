"""Read the card beside the weights of an experiment: what they were made with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.arrays.stage_outputs import require_output

REQUIRED = ("model", "parameters", "weights_sha256")
"""Keys of every card; cards of trained weights have more."""


def read_card(path: Path, stage: str) -> Mapping[str, Any]:
    """Read a model card.

    Args:
        path: File to read.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The file is not a card.
    """
    require_output(path, stage)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}; run 'dvc repro --force {stage}'") from error
    missing = [key for key in REQUIRED if not isinstance(card, dict) or key not in card]
    if missing:
        raise ValueError(
            f"{path}: expected a model card, which has {', '.join(missing)}; "
            f"run 'dvc repro --force {stage}'"
        )
    found: dict[str, Any] = card
    return found
