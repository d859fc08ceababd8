"""What a stage writes and another one reads: which to run when it is missing or damaged."""

import json
from pathlib import Path
from typing import Any


class StageNotRunError(FileNotFoundError):
    """A stage that writes what is read here has not run yet, or not with the present params.

    Args:
        message: What is not there, and which stage to run.
        stage: That stage, as ``dvc repro`` takes it.
    """

    def __init__(self, message: str, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


def require_output(path: Path, stage: str) -> None:
    """Refuse to go on without a file.

    Args:
        path: The file.
        stage: Stage of ``dvc.yaml`` that writes it.

    Raises:
        StageNotRunError: The file is not there.
    """
    if not path.is_file():
        raise StageNotRunError(
            f"{path}: no such file; run 'dvc repro {stage}', which writes it", stage
        )


def read_json(path: Path) -> Any:  # noqa: ANN401  (JSON)
    """Return the facts that a stage wrote.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not what a stage writes.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected JSON as a stage writes it, but {error}; `dvc repro` writes it anew"
        ) from error
