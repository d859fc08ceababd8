"""Read what stages write, and say which stage to run when it is missing or odd."""

import csv
from collections.abc import Iterator, Sequence
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


def read_rows(path: Path, columns: Sequence[str], stage: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each row of a CSV file, and where it stands.

    Args:
        path: File to read.
        columns: What its header must be.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The file is not there.
        ValueError: The columns are not what the stage writes.
    """
    require_output(path, stage)
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header != list(columns):
            raise ValueError(
                f"{path}, line 1: expected the columns {', '.join(columns)}; came "
                f"{', '.join(header) or 'an empty file'}; run 'dvc repro --force {stage}'"
            )
        for values in reader:
            yield f"{path}, line {reader.line_num}", values
