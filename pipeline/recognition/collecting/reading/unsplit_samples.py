"""What every reader gives: samples as their publisher or owner has them, not yet split."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.labelled.samples import UNLABELLED


@dataclass(frozen=True)
class UnsplitSamples:
    """Labelled samples, not yet split.

    Args:
        classes: Names of the classes; a label is a position in them.
        values: Images ``(N, H, W, C)``, uint8 or float32 in [0, 1]; a cube ``(H, W, B)``,
            float32, in the units of its file; or pairs of features ``(N, D)``, float32, those of
            the image first.
        labels: ``(N,)``, or ``(H, W)`` of a cube, int16; ``UNLABELLED`` where there is none.
        test: ``(N,)``, true where the publisher tests; None if nobody says.
        image_features: Of pairs of features, how many of the D belong to the image; else 0.
        note: What people should know of what is here and what is not.
    """

    classes: tuple[str, ...]
    values: NDArray[Any]
    labels: NDArray[np.int16]
    test: NDArray[np.bool_] | None = None
    image_features: int = 0
    note: str | None = None


def require_whole(numbers: NDArray[Any], where: object) -> None:
    """Refuse fractions, NaN and infinity, which cannot be labels.

    Args:
        numbers: Of any shape.
        where: Place of the numbers, for messages.

    Raises:
        DatasetError: A number is not whole.
    """
    if not (np.isfinite(numbers).all() and (numbers == np.round(numbers)).all()):
        raise DatasetError(f"{where}: expected whole numbers as labels, came fractions or NaN")


def labels_from(
    numbers: NDArray[Any], classes: tuple[str, ...], first: int, where: object
) -> NDArray[np.int16]:
    """Return labels that count from 0 of numbers that count from ``first``.

    Args:
        numbers: Of any shape; what is below ``first`` has no class.
        classes: Names of the classes.
        first: Number of the first class.
        where: Place of the numbers, for messages.

    Raises:
        DatasetError: A number is not whole, or names no class.
    """
    require_whole(numbers, where)
    highest = first + len(classes) - 1
    if numbers.size and numbers.max() > highest:
        raise DatasetError(
            f"{where}: expected labels up to {highest} for {len(classes)} classes, came "
            f"{numbers.max():.0f}"
        )
    shifted = numbers.astype(np.int64) - first
    return np.where(shifted < 0, UNLABELLED, shifted).astype(np.int16)


def pairs_of(image: NDArray[Any], text: NDArray[Any], where: object) -> NDArray[np.float32]:
    """Return image features ``(N, D1)`` and text features ``(N, D2)`` as pairs ``(N, D1 + D2)``.

    Raises:
        DatasetError: They are no two matrices of as many rows.
    """
    if image.ndim != 2 or text.ndim != 2 or len(image) != len(text):
        raise DatasetError(
            f"{where}: expected features of images (N, D1) and of as many texts (N, D2), came "
            f"{image.shape} and {text.shape}: each image needs the text of its pair"
        )
    return np.concatenate([image, text], axis=1, dtype=np.float32, casting="same_kind")
