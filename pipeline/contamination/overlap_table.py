"""The table of what training and test images share: one row a pair of images."""

from dataclasses import dataclass
from typing import Annotated

from pipeline.arrays.tables import Number

_Share = Annotated[float, Number(".3f")]


@dataclass(frozen=True, kw_only=True)
class OverlapRow:
    """A training and a test image that show the same, as ``Overlap`` says.

    An image that cannot be judged stands without a partner and without numbers.
    """

    train_set: str | None
    train_image: str | None
    test_set: str | None
    test_image: str | None
    how: str
    correlation: _Share | None = None
    keypoints: int | None = None
    scale: _Share | None = None
    train_share: _Share | None = None
    test_share: _Share | None = None
