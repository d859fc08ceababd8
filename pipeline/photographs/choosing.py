"""Which network a picture gets: what is asked for, or what is found in it."""

from dataclasses import dataclass
from typing import Literal

from pipeline.photographs.estimating import NoiseLevels, estimate_noise
from pipeline.photographs.picture import Picture

Task = Literal["auto", "denoise", "deblock", "upscale"]

BLOCKY = 75
"""JPEG quality below which its blocks are the worst of it."""


@dataclass(frozen=True)
class Finding:
    """What was found in a picture.

    Args:
        noise: How noisy it looks.
        quality: Of its JPEG compression, from its tables; None for other files.
        gray: Whether it has one channel.
    """

    noise: NoiseLevels
    quality: int | None
    gray: bool

    def __str__(self) -> str:
        compressed = "" if self.quality is None else f", JPEG quality {self.quality}"
        level = f"noise {self.noise.sigma_8bit:.1f}" if self.noise.is_noise else "no noise"
        return f"{level}{compressed}"


def find_in(picture: Picture) -> Finding:
    """Return what a picture says of itself, and what can be estimated."""
    gray = picture.values.shape[-1] == 1
    return Finding(estimate_noise(picture.values), picture.quality, gray)


def choose(task: Task, found: Finding) -> str | None:
    """Return the shipped network for a picture; None where it is better left as it is."""
    if task == "auto":
        blocky = found.quality is not None and found.quality < BLOCKY
        if not blocky and not found.noise.is_noise:
            return None
        task = "deblock" if blocky else "denoise"
    if task == "upscale":
        return "luma_scales"
    if task == "deblock":
        return "luma_jpeg" if found.gray else "colour_jpeg"
    return "gray_noise" if found.gray else "camera"
