"""Which network a picture gets: what is asked for, or what is found in it."""

from dataclasses import dataclass
from typing import Literal

from pipeline.photographs.picture import Picture

Task = Literal["auto", "denoise", "deblock", "upscale"]

NOISY = 2.0
"""Noise from which on a picture is restored, standard deviation on the scale of 0 to 255. Below,
what a network would remove is no more than what it would get wrong."""

BLOCKY = 75
"""JPEG quality below which its blocks are the worst of it."""


@dataclass(frozen=True)
class Finding:
    """What was found in a picture.

    Args:
        sigma_8bit: Estimated standard deviation of its noise, on the scale of 0 to 255.
        quality: Of its JPEG compression, from its tables; None for other files.
        gray: Whether it has one channel.
    """

    sigma_8bit: float
    quality: int | None
    gray: bool

    def __str__(self) -> str:
        compressed = "" if self.quality is None else f", JPEG quality {self.quality}"
        return f"noise {self.sigma_8bit:.1f}{compressed}"


def find_in(picture: Picture, sigma_8bit: float) -> Finding:
    """Return what is known of a picture whose noise has been estimated."""
    return Finding(sigma_8bit, picture.quality, picture.values.shape[-1] == 1)


def choose(task: Task, found: Finding) -> str | None:
    """Return the shipped network for a picture; None where it is better left as it is."""
    if task == "auto":
        blocky = found.quality is not None and found.quality < BLOCKY
        if not blocky and found.sigma_8bit < NOISY:
            return None
        task = "deblock" if blocky else "denoise"
    if task == "upscale":
        return "luma_scales"
    if task == "deblock":
        return "luma_jpeg" if found.gray else "colour_jpeg"
    return "gray_noise" if found.gray else "camera"
