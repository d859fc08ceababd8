"""What each protocol can measure. Nothing here imports NumPy: the reader of the params asks too."""

from collections.abc import Mapping
from typing import Literal

from pipeline.settings.params import Protocol, TrialColour

PROTOCOL_COLOURS: Mapping[Protocol, tuple[TrialColour, ...]] = {
    "gray-uint8": ("gray",),
    "gray-float": ("gray",),
    "y-uint8": ("y", "rgb", "y_of_rgb"),
    "y-float": ("y", "rgb", "y_of_rgb"),
    "y-shave": ("y", "rgb", "y_of_rgb"),
    "y-shave-float": ("y", "rgb", "y_of_rgb"),
    "rgb-uint8": ("rgb",),
    "rgb-float": ("rgb",),
    "rgb-shave": ("rgb",),
    "rgb-ntire": ("rgb",),
    "sidd": ("rgb",),
}
"""The colours of the images that a protocol can measure."""

PROTOCOL_DEGRADATION: Mapping[Protocol, Literal["bicubic", "paired"]] = {
    "y-shave": "bicubic",
    "y-shave-float": "bicubic",
    "rgb-shave": "bicubic",
    "rgb-ntire": "bicubic",
    "sidd": "paired",
}
"""The kind of degradation that a protocol is for, ``bicubic`` for all that shrinks; those left out
are for all."""
