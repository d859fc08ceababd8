"""How far another draw of the test noise moves a mean PSNR: ``draws.csv``.

No paper publishes its noise, so a run and a paper never restore the same noisy images, even where
all else is the same. ``python -m tests.bench.draws`` measured this once, with the weights that
ship, and says how; sets that are not in the table were not measured. It is known to about a
quarter, and a network that restores better than these may be moved a little further.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.tables import read_table

SHIPPED = Path(__file__).with_name("draws.csv")
"""The figures that come with the project."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A row of ``draws.csv``.

    Args:
        data_set: Name of the test set.
        degradation: Label of the level.
        spread: Standard deviation of the mean PSNR over draws that are new for each image, as
            here, in decibels: from the variances of single images, which are independent.
        spread_shared: The same over draws that are equal for all images of one size, as in the
            tests of DnCNN and of the code after it, which start from one seed for each image.
    """

    data_set: str
    degradation: str
    spread: float
    spread_shared: float

    @property
    def between(self) -> float:
        """Return the standard deviation of the difference between a draw of each kind."""
        return float((self.spread**2 + self.spread_shared**2) ** 0.5)


def read_draws(path: Path = SHIPPED) -> dict[tuple[str, str], Draw]:
    """Read the figures, by data set and label of the level.

    Raises:
        ValueError: The columns or a value are wrong; the message names the line.
    """
    return {(row.data_set, row.degradation): row for row in read_table(path, Draw)}
