"""The table of scores: one row an image and protocol."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.benchmarks import BenchmarkImage
from pipeline.images import Array
from pipeline.metrics import measure

COLUMNS = (
    "experiment",
    "model",
    "data_set",
    "image",
    "degradation",
    "protocol",
    "psnr",
    "ssim",
    "psnr_input",
    "ssim_input",
)
"""Of the table, in this order."""

Row = dict[str, str | float]


def rows_of(image: BenchmarkImage, restored: Array, experiment: str, model: str) -> Iterator[Row]:
    """Measure one restored image, and the degraded one beside it, by every protocol of its trial.

    Args:
        image: The test image.
        restored: ``(H, W, C)`` in [0, 1], or a little outside.
        experiment: Name of the experiment, or of the classical method.
        model: Name of the model, or of the classical method.
    """
    clean, degraded = image.clean(), image.degraded()
    for protocol in image.trial.protocols:
        after = measure(protocol, clean, restored, image.scale)
        before = measure(protocol, clean, degraded, image.scale)
        yield {
            "experiment": experiment,
            "model": model,
            "data_set": image.trial.dataset,
            "image": image.name,
            "degradation": image.level.label,
            "protocol": protocol,
            "psnr": after.psnr,
            "ssim": after.ssim,
            "psnr_input": before.psnr,
            "ssim_input": before.ssim,
        }


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, with six digits after the point."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {key: f"{v:.6f}" if isinstance(v, float) else v for key, v in row.items()}
            )
