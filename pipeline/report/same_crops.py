"""The same window of the same image, as each network of a test restored it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.arrays.pixels import Array
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.measuring.statistics import mean
from pipeline.report.comparisons import have_same_input
from pipeline.report.crops import (
    SIDE,
    ImageKey,
    Integers,
    data_uri,
    detail,
    read_restored,
    squared_error,
    strongest_window,
)
from pipeline.report.results import Result

Choice = Literal["median image", "worst image", "largest disagreement"]
"""Why an image is shown."""

MOST_NETWORKS = 6
"""Shown of one test, the best of them, so that the page stays light."""


@dataclass(frozen=True)
class RestoredImages:
    """Where the restored images of a network are.

    Args:
        folder: That has them.
        stages: End of the names of its stages, such as ``@dncnn``, for messages.
    """

    folder: Path
    stages: str


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What one network made of a window.

    Args:
        experiment: Name of the network.
        psnr: Of the whole image, in decibels.
        window: As a PNG data URI.
    """

    experiment: str
    psnr: float
    window: str


@dataclass(frozen=True, kw_only=True)
class SameCrop:
    """A window of one test image, in all its versions, as PNG data URIs.

    Args:
        choices: Why this image.
        image: Its name.
        row: Of the window's upper edge in the image.
        column: Of the window's left edge.
        width: Of the window, in pixels.
        height: Of the window, in pixels.
        clean: The clean window.
        degraded: What the networks were given, in the size of the clean image.
        psnr_input: Of the whole degraded image, in decibels.
        restored: What they made of it, the best network of the test first.
    """

    choices: Sequence[Choice]
    image: str
    row: int
    column: int
    width: int
    height: int
    clean: str
    degraded: str
    psnr_input: float
    restored: Sequence[Restored]


@dataclass(frozen=True, kw_only=True)
class SameCrops:
    """What the networks of one test made of the same images.

    Args:
        best: Result of the best of them; the others were given the same degraded images.
        crops: The images.
        left_out: Networks beyond those that are shown.
    """

    best: Result
    crops: Sequence[SameCrop]
    left_out: Sequence[str]


def compare_crops(
    results: Iterable[Result],
    images: Mapping[ImageKey, BenchmarkImage],
    restored: Mapping[str, RestoredImages],
) -> SameCrops | None:
    """Return the same crops of all networks of one test; None of fewer than two networks.

    Args:
        results: Of the test, by one protocol.
        images: Test images of the best network, those that were measured among them.
        restored: Where the restored images are, by name of the experiment.

    Raises:
        FileNotFoundError: A restored image is not there.
        ValueError: Restored images have another size than the clean one.
    """
    networks = [one for one in results if not one.is_baseline]
    networks.sort(key=lambda one: (-one.psnr, one.experiment))
    networks = [one for one in networks if have_same_input(one, networks[0])]
    shown = networks[:MOST_NETWORKS]
    common = set.intersection(*(set(one.psnr_of) for one in shown)) if shown else set()
    if len(shown) < 2 or not common:
        return None
    chosen: dict[str, list[Choice]] = {}
    for choice, name in _choose(shown, sorted(common)):
        chosen.setdefault(name, []).append(choice)
    place = (shown[0].data_set, shown[0].degradation)
    return SameCrops(
        best=shown[0],
        crops=[
            _cut(choices, images[*place, name], shown, restored) for name, choices in chosen.items()
        ],
        left_out=[one.experiment for one in networks[MOST_NETWORKS:]],
    )


def _choose(networks: Sequence[Result], images: Sequence[str]) -> list[tuple[Choice, str]]:
    """Return an image for each reason to show one."""
    scores = {name: [one.psnr_of[name] for one in networks] for name in images}
    ranked = sorted(images, key=lambda name: (mean(scores[name]), name))
    apart = max(images, key=lambda name: (max(scores[name]) - min(scores[name]), name))
    return [
        ("median image", ranked[len(ranked) // 2]),
        ("worst image", ranked[0]),
        ("largest disagreement", apart),
    ]


def _cut(
    choices: Sequence[Choice],
    image: BenchmarkImage,
    networks: Sequence[Result],
    places: Mapping[str, RestoredImages],
) -> SameCrop:
    clean, degraded = image.clean(), image.interpolated()
    restored = {
        name: read_restored(image, places[name].folder, (clean, degraded), places[name].stages)
        for name in (one.experiment for one in networks)
    }
    disagree = "largest disagreement" in choices
    activity = _disagreement(list(restored.values()), clean) if disagree else detail(clean)
    top, left = strongest_window(activity)
    height, width = clean[top : top + SIDE, left : left + SIDE].shape[:2]

    def window(whole: Array) -> str:
        return data_uri(whole[top : top + SIDE, left : left + SIDE])

    return SameCrop(
        choices=choices,
        image=image.name,
        row=top,
        column=left,
        width=width,
        height=height,
        clean=window(clean),
        degraded=window(degraded),
        psnr_input=networks[0].input_of[image.name],
        restored=[
            Restored(
                experiment=one.experiment,
                psnr=one.psnr_of[image.name],
                window=window(restored[one.experiment]),
            )
            for one in networks
        ],
    )


def _disagreement(restored: Sequence[Array], clean: Array) -> Integers:
    """Return how far apart the errors of several restored images are, pixel by pixel."""
    errors = np.stack([squared_error(one, clean) for one in restored])
    spread: Integers = errors.max(axis=0) - errors.min(axis=0)
    return spread
