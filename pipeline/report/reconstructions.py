"""Read how the images of an experiment were restored, and what a short format cost."""

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.stage_outputs import require_output


@dataclass(frozen=True)
class Restoring:
    """How whole images were restored.

    Args:
        way: Of ``pipeline/settings/params.py``.
        tile: Side of a tile's core, in pixels.
        halo: Pixels around it that the network was shown besides; None where it was shown whole
            images.
        exact: Whether tiles give what the whole image would.
        precision: Format of the convolutions.
        rms_8bit: Root mean square difference from float32, of 255, the largest of all data sets
            and levels; None in float32.
        max_8bit: The largest difference, likewise.
    """

    way: str
    tile: int
    halo: int | None
    exact: bool
    precision: str
    rms_8bit: float | None
    max_8bit: float | None


@dataclass(frozen=True)
class TakenIn:
    """What another program restored.

    Args:
        files: How many images.
        in_8bit: How many of them were rounded to 8 bits.
    """

    files: int
    in_8bit: int


def read_taken_in(path: Path, stage: str) -> TakenIn:
    """Read ``tiling.json`` beside images that another program restored.

    Args:
        path: The file.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The file says something else.
    """
    require_output(path, stage)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return TakenIn(files=int(facts["files"]), in_8bit=int(facts["in_8bit"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected how many files there are, came something else ({error!r}); run "
            f"'dvc repro --force {stage}'"
        ) from error


def read_restoring(path: Path, stage: str) -> Restoring:
    """Read ``tiling.json`` beside restored images.

    Args:
        path: The file.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The file says something else.
    """
    require_output(path, stage)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        losses = facts.get("loss", {}).values()
        return Restoring(
            way=str(facts["way"]),
            tile=int(facts["tile"]),
            halo=None if facts["halo"] is None else int(facts["halo"]),
            exact=bool(facts.get("exact", True)),
            precision=str(facts["precision"]),
            rms_8bit=max((loss["rms_8bit"] for loss in losses), default=None),
            max_8bit=max((loss["max_8bit"] for loss in losses), default=None),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected way, tile, halo and precision, came something else ({error!r}); run "
            f"'dvc repro --force {stage}'"
        ) from error
