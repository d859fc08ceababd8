"""What each protocol can measure. Nothing here imports NumPy: the reader of the params asks too."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pipeline.degradations.levels import levels
from pipeline.degradations.settings import Degradation, measured_as
from pipeline.settings.params import Protocol, Trial, TrialColour

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


def applicable(colour: TrialColour, degradation: Degradation) -> list[Protocol]:
    """Return every protocol that can measure images of a colour and a degradation."""
    kind = measured_as(degradation)
    return [
        name
        for name, colours in PROTOCOL_COLOURS.items()
        if colour in colours and PROTOCOL_DEGRADATION.get(name, kind) == kind
    ]


def named_places(trials: Iterable[Trial]) -> list[tuple[str, str, Protocol]]:
    """Return the places whose protocol a trial names, out of all protocols that apply."""
    return [
        (trial.dataset, level.label, protocol)
        for trial in trials
        for level in levels(trial.degradation)
        for protocol in trial.protocols
    ]


def first_places(trials: Iterable[Trial]) -> list[tuple[str, str, Protocol]]:
    """Return the places of the protocol that each trial leads with, in the order of the trials."""
    return named_places(
        trial.model_copy(update={"protocols": trial.protocols[:1]}) for trial in trials
    )


def places_of(trials: Iterable[Trial]) -> list[tuple[str, str, Protocol]]:
    """Return data set, level and protocol of all that is measured on some trials."""
    return [
        (trial.dataset, level.label, protocol)
        for trial in trials
        for level in levels(trial.degradation)
        for protocol in applicable(trial.colour, trial.degradation)
    ]
