"""A picture with all that its file says of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.photographs.metadata import Metadata

Values = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16."""


class PictureError(ValueError):
    """A file is no picture that can be restored; the message says why, without its name."""


@dataclass(frozen=True)
class Picture:
    """A picture, upright.

    Args:
        values: uint8 or uint16 ``(H, W, C)``, C 1 or 3, 0 to the largest value of the type.
        alpha: ``(H, W)`` of the same type, if it has such a channel.
        kind: Of the file, as Pillow calls it.
        metadata: What the file says beside its pixels, for an upright picture.
        quality: Of its JPEG compression on the IJG scale, from its tables; None for other files.
        compression: Of a TIFF file, as Pillow calls it.
    """

    values: Values
    alpha: Values | None
    kind: str
    metadata: Metadata
    quality: int | None = None
    compression: str | None = None

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        height, width = self.values.shape[:2]
        return float(height * width) / 1e6
