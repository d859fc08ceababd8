"""Accepted overlaps: test images whose scenes were trained on, to be said beside the numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.contamination.overlap_table import COLUMNS
from pipeline.running.stage_tables import read_rows
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
    for where, values in read_rows(path, COLUMNS, stage):
        if len(values) != len(COLUMNS):
            raise ValueError(
                f"{where}: expected {len(COLUMNS)} values, came {len(values)}; "
                f"run 'dvc repro --force {stage}'"
            )
        train_set, train_image, test_set, test_image, how, *_ = values
        if not (train_image and test_image):
            continue  # an image that cannot be judged, without a partner
        if (train_set, test_set) not in reasons:
            raise ValueError(
                f"{where}: '{test_image}' of {test_set} overlaps '{train_image}' of {train_set}, "
                f"which accepted_overlaps does not accept; run 'dvc repro {stage}'"
            )
        scenes.setdefault((train_set, test_set), []).append(
            SharedScene(test_image=test_image, train_image=train_image, how=how)
        )
    return {
        test: Overlap(train_set=train, test_set=test, why=reasons[train, test], scenes=tuple(found))
        for (train, test), found in scenes.items()
    }
