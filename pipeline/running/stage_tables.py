"""Read what stages write, and say which stage to run when it is missing or odd."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.arrays.stage_outputs import require_output


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
