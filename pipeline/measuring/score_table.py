"""The table of scores: one row an image and protocol."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.arrays.pixels import Array
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.measuring.metrics import applicable, measure

COLUMNS = (
    "experiment",
    "model",
    "data_set",
    "image",
    "degradation",
    "protocol",
    "psnr",
    "ssim",
)
"""Of the table, in this order."""

DIGITS = {"psnr": 4, "ssim": 5, "psnr_input": 4, "ssim_input": 5}
"""Scores, and how many digits a mean has after the point."""

PLACE = ("data_set", "degradation", "protocol")
"""What scores must share to be compared."""

INPUT = "input"
"""What stands for experiment and model in the rows of degraded images, as they are."""

Row = dict[str, str | float]


def rows_of(image: BenchmarkImage, restored: Array, experiment: str, model: str) -> Iterator[Row]:
    """Measure one image by every protocol that applies.

    Args:
        image: The test image.
        restored: ``(H, W, C)`` in [0, 1], or a little outside.
        experiment: Name of the experiment, or of the classical method; ``INPUT`` where the image
            is the degraded one.
        model: Name of the model, or the same again.
    """
    clean = image.clean()
    for protocol in applicable(image.trial.colour, image.trial.degradation):
        score = measure(protocol, clean, restored, image.scale)
        yield {
            "experiment": experiment,
            "model": model,
            "data_set": image.trial.dataset,
            "image": image.name,
            "degradation": image.level.label,
            "protocol": protocol,
            "psnr": score.psnr,
            "ssim": score.ssim,
        }


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, with six digits after the point."""
    import pandas as pd  # a quarter of a second, which reading rows need not take

    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    table.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")


def read_inputs(path: Path) -> dict[tuple[str, ...], tuple[float, float]]:
    """Return the scores of degraded images, as the stage ``baseline`` wrote them.

    Args:
        path: Its table.

    Returns:
        PSNR and SSIM by data set, degradation, protocol and image.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return {
            tuple(row[key] for key in (*PLACE, "image")): (float(row["psnr"]), float(row["ssim"]))
            for row in csv.DictReader(file)
            if row["experiment"] == INPUT
        }


def with_inputs(
    rows: Iterable[Row], inputs: Mapping[tuple[str, ...], tuple[float, float]]
) -> list[Row]:
    """Return rows with the scores of their degraded images beside their own.

    Raises:
        KeyError: The degraded image of a row was not measured.
    """
    found = []
    for row in rows:
        psnr, ssim = inputs[tuple(str(row[key]) for key in (*PLACE, "image"))]
        found.append({**row, "psnr_input": psnr, "ssim_input": ssim})
    return found


def mean_scores(rows: Iterable[Row]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Return the means over the images, nested by data set, degradation and protocol.

    Equal images have an infinite PSNR, for which JSON has no number: such a mean is left out.
    """
    import pandas as pd

    nested: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    groups = pd.DataFrame(list(rows)).groupby(list(PLACE), sort=False)[list(DIGITS)]
    for means in groups.mean().reset_index().to_dict("records"):
        place = nested.setdefault(means["data_set"], {}).setdefault(means["degradation"], {})
        place[means["protocol"]] = {
            score: round(means[score], digits)
            for score, digits in DIGITS.items()
            if math.isfinite(means[score])
        }
    return nested
