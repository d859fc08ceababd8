"""What a stage writes and another one reads: which to run when it is missing."""

from pathlib import Path


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
