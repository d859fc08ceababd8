"""Which networks a picture gets: what is asked for, or what is found in it."""

from dataclasses import dataclass
from typing import Literal

from pipeline.photographs.estimating import NoiseLevels

Task = Literal["auto", "denoise", "deblock", "upscale"]

COMPRESSED = 87
"""JPEG quality below which a picture gains, noisy or not: of 31 that the networks learnt from, one
lost 0.01 dB at 85, and four up to 0.5 dB at 90."""

ENLARGED = 95
"""The same for a picture that is to be enlarged, which enlarges what JPEG left in it."""

HARD = 60
"""JPEG quality below which little noise survives: the network for JPEG alone is then better where
none is found, and the one for photographs has hardly learnt such files."""


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

    def is_below(self, quality: int) -> bool:
        """Tell whether it is a JPEG file of a quality below one."""
        return self.quality is not None and self.quality < quality

    def __str__(self) -> str:
        compressed = "" if self.quality is None else f", JPEG quality {self.quality}"
        level = f"noise {self.noise.sigma_8bit:.1f}" if self.noisy else "no noise"
        return f"{level}{compressed}"


def choose(task: Task, found: Finding) -> tuple[str, ...]:
    """Return the shipped networks for a picture, in order; none where it is better left alone."""
    if task == "deblock":
        return (_against_blocks(found),)
    if task == "denoise":
        return (_against_noise(found),)
    if task == "upscale":
        return (*_cleaning(found, ENLARGED), "luma_scales")
    return _cleaning(found, COMPRESSED)


def _cleaning(found: Finding, compressed: int) -> tuple[str, ...]:
    if not (found.noisy or found.is_below(compressed)):
        return ()
    if found.is_below(HARD) and not found.noisy:
        return (_against_blocks(found),)
    return (_against_noise(found),)


def _against_noise(found: Finding) -> str:
    # The network for noise in gray knows no blocks, and would keep the noise for their sake.
    return "gray_noise" if found.gray and not found.is_below(COMPRESSED) else "camera"


def _against_blocks(found: Finding) -> str:
    return "luma_jpeg" if found.gray else "colour_jpeg"
