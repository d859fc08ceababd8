"""Accepted overlaps: test images whose scenes were trained on, to be said beside the numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.tables import read_lines
from pipeline.contamination.overlap_table import OverlapRow
from pipeline.settings.params import AcceptedOverlap


@dataclass(frozen=True, kw_only=True)
class SharedScene:
    """A test image and the training image that shows the same."""

    test_image: str
    train_image: str
    how: str


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What one test set of an experiment shares with its training set.

    Args:
        train_set: Data set that was trained on.
        test_set: Data set that was tested on.
        why: What ``accepted_overlaps`` says in its favour.
        scenes: The images.
    """

    train_set: str
    test_set: str
    why: str
    scenes: tuple[SharedScene, ...]

    @property
    def images(self) -> int:
        """Return how many test images are concerned."""
        return len({scene.test_image for scene in self.scenes})


def read_overlaps(
    path: Path, stage: str, accepted: Iterable[AcceptedOverlap]
) -> dict[str, Overlap]:
    """Read what the training and the test images of an experiment share.

    Args:
        path: File to read.
        stage: Stage of ``dvc.yaml`` that writes it, for the error messages.
        accepted: The section of the params.

    Returns:
        By name of the test set; empty where nothing is shared.

    Raises:
        StageNotRunError: The stage has not run.
        ValueError: The columns are not what the stage writes, or an overlap is not accepted.
    """
    reasons = {(entry.train, entry.test): entry.why for entry in accepted}
    scenes: dict[tuple[str, str], list[SharedScene]] = {}
    for line, row in read_lines(path, OverlapRow, stage):
        if not (row.train_set and row.train_image and row.test_set and row.test_image):
            continue  # an image that cannot be judged, without a partner
        if (row.train_set, row.test_set) not in reasons:
            raise ValueError(
                f"{path}, line {line}: '{row.test_image}' of {row.test_set} overlaps "
                f"'{row.train_image}' of {row.train_set}, which accepted_overlaps does not accept; "
                f"run 'dvc repro {stage}'"
            )
        scenes.setdefault((row.train_set, row.test_set), []).append(
            SharedScene(test_image=row.test_image, train_image=row.train_image, how=row.how)
        )
    return {
        test: Overlap(train_set=train, test_set=test, why=reasons[train, test], scenes=tuple(found))
        for (train, test), found in scenes.items()
    }
