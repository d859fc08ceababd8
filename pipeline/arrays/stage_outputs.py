"""What a stage writes and another one reads: which to run when it is missing."""

from pathlib import Path


def require_output(path: Path, stage: str) -> None:
    """Refuse to go on without a file.

    Args:
        path: The file.
        stage: Stage of ``dvc.yaml`` that writes it.

    Raises:
        FileNotFoundError: The stage has not run.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; run 'dvc repro {stage}', which writes it")
