"""Margins: how far a run that does all that a paper did may still be from its number.

The paper measured the same images. Which images a set has is therefore no excuse for a gap; what
is left are the digits that were printed, other code for the same arithmetic, and other noise.
"""

from dataclasses import dataclass

from scipy.special import ndtri

from pipeline.literature.draws import Draw
from pipeline.literature.published import Published
from pipeline.measuring.statistics import CONFIDENCE
from pipeline.report.words import decimal

OTHER_CODE = {"bicubic": 0.005, "jpeg": 0.005}
"""What another implementation of the same resize or encoder may make, in decibels, by kind.

Bicubic interpolation and JPEG as they are, which no network restores, are off by at most so much
beyond the digits in every row that was published: ``tests/bench/calibration.py`` prints them.
"""

NOISY_INPUT = 0.011
"""What a draw moves the mean of noisy images that nobody restored, in 95 % of the cases.

That of an image has the standard deviation 10 / ln 10 * sqrt(2 / pixels), in decibels; this is of
Set12, the test with the fewest pixels. What is published of them follows from the definition.
"""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How far apart two measurements of the same thing may be, in decibels.

    Args:
        rounding: Half a unit of the last published digit.
        other_code: As ``OTHER_CODE``.
        draw: What two draws of the noise differ by in 95 % of the cases; zero without noise, None
            where it was not measured.
    """

    rounding: float
    other_code: float
    draw: float | None

    @property
    def total(self) -> float | None:
        """Return all together; none where a part is not known."""
        return None if self.draw is None else self.rounding + self.other_code + self.draw

    def covers(self, gap: float) -> bool | None:
        """Tell whether a gap may be nothing but these; none where that is not known."""
        if abs(gap) <= self.rounding + self.other_code:
            return True
        return None if self.total is None else abs(gap) <= self.total

    @property
    def causes(self) -> str:
        """Return what it is made of, in words."""
        parts = ["rounding"]
        parts += ["another implementation"] if self.other_code else []
        parts += ["another draw of the noise"] if self.draw else []
        return ", ".join(parts[:-1]) + " and " * (len(parts) > 1) + parts[-1]

    def says(self, gap: float) -> str:
        """Return whether it covers a gap, in a few words."""
        covered = self.covers(gap)
        if self.total is None:
            return "within rounding" if covered else "draw of the noise not measured"
        bound = f"\N{PLUS-MINUS SIGN}{decimal(self.total, 3)}"
        return f"within {bound}" if covered else f"beyond {bound}"


def margin_of(published: Published, draw: Draw | None) -> Margin:
    """Return how far from a published number the same thing may be measured.

    Args:
        published: The number.
        draw: What is known of the noise of its test set; None if nothing is.
    """
    kind = published.degradation.partition("_")[0]
    return Margin(
        rounding=0.5 * 10.0**-published.psnr_digits,
        other_code=OTHER_CODE.get(kind, 0.0),
        draw=_between_draws(published, draw) if kind == "gaussian" else 0.0,
    )


def _between_draws(published: Published, draw: Draw | None) -> float | None:
    if published.system == "Noisy input":
        return NOISY_INPUT
    if draw is None:
        return None
    return float(ndtri((1 + CONFIDENCE) / 2)) * draw.between
