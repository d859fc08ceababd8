"""Which network a picture gets: what is asked for, or what is found in it."""

from dataclasses import dataclass
from typing import Literal

from pipeline.photographs.estimating import NoiseLevels

Task = Literal["auto", "denoise", "deblock", "upscale"]

BLOCKY = 75
"""JPEG quality below which its blocks are removed."""


@dataclass(frozen=True)
class Finding:
    """What was found in a picture.

    Args:
        noise: How noisy it looks.
        noisy: Whether it is.
        quality: Of its JPEG compression, from its tables; None for other files.
        gray: Whether it has one channel.
    """

    noise: NoiseLevels
    noisy: bool
    quality: int | None
    gray: bool

    def __str__(self) -> str:
        compressed = "" if self.quality is None else f", JPEG quality {self.quality}"
        level = f"noise {self.noise.sigma_8bit:.1f}" if self.noisy else "no noise"
        return f"{level}{compressed}"


def choose(task: Task, found: Finding) -> str | None:
    """Return the shipped network for a picture; None where it is better left as it is."""
    if task == "auto":
        # What removes noise has learnt from JPEG too, in colour; in gray it would keep its blocks,
        # which are the lesser evil.
        if found.noisy:
            task = "denoise"
        elif found.quality is not None and found.quality < BLOCKY:
            task = "deblock"
        else:
            return None
    if task == "upscale":
        return "luma_scales"
    if task == "deblock":
        return "luma_jpeg" if found.gray else "colour_jpeg"
    return "gray_noise" if found.gray else "camera"
