"""Ours against published, for every number that needs no network.

``python -m tests.bench.calibration SETS`` prints the table; ``SETS`` is a folder with the
published image sets, one folder a set.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

from pipeline.arrays.randomness import generator
from pipeline.degradations.levels import Level, levels
from pipeline.degradations.settings import Bicubic, Gaussian, Jpeg
from pipeline.degrading.synthesis import degrade, fitting_crop
from pipeline.images.colours import in_colour
from pipeline.images.files import SUFFIXES, read_image
from pipeline.literature.published import SHIPPED, Published, joined, read_published
from pipeline.measuring.metrics import Score, measure
from pipeline.settings.params import Colour, Protocol

SYSTEMS = ("Noisy input", "Bicubic", "JPEG")
"""What the literature calls inputs that nobody has restored."""

PSNR_TOLERANCE, SSIM_TOLERANCE = 0.01, 0.0005

WITH_BORDER = {("set14", "bicubic_x3"), ("set14", "bicubic_x4")}
"""Whose published SSIM is that of the whole images, though their PSNR is that of shaved ones."""


def level_of(label: str) -> Level:
    """Return the level that a label such as ``jpeg_10`` names."""
    kind, _, value = label.partition("_")
    if kind == "gaussian":
        settings: Gaussian | Bicubic | Jpeg = Gaussian(
            kind="gaussian", sigma_8bit=float(value), quantise=False
        )
    elif kind == "bicubic":
        settings = Bicubic(
            kind="bicubic",
            scale=float(value.removeprefix("x")),
            quantise=False,
            result="interpolated",
        )
    else:
        settings = Jpeg(
            kind="jpeg", quality=int(value), subsampling="yuv420", phase="aligned", draws=1
        )
    return levels(settings)[0]


def measured(folder: Path, entry: Published) -> Score:
    """Return our mean scores of what an entry is about."""
    level = level_of(entry.degradation)
    protocol: Protocol = entry.protocol  # type: ignore[assignment]  # read_published checked it
    colour: Colour = "y" if protocol.startswith("y-") else protocol.split("-")[0]  # type: ignore[assignment]
    scale = level.settings.scale if isinstance(level.settings, Bicubic) else 1
    scores = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            clean = fitting_crop(in_colour(read_image(path), colour), level)
            rng = generator(0, entry.data_set, path.stem, level.label)
            test = degrade(clean, level, rng).image
            scores.append(measure(protocol, clean, test, scale))  # type: ignore[arg-type]
    return Score(fmean(s.psnr for s in scores), fmean(s.ssim for s in scores))


def main(sets: Path) -> int:
    """Print the table; return 1 if a row is off by more than it may."""
    write = sys.stdout.write
    write(
        "data set   level        protocol      PSNR published      off     SSIM published     off\n"
    )
    worst = False
    for entry in joined(read_published(SHIPPED)).values():
        if entry.system not in SYSTEMS or not (sets / entry.data_set).is_dir():
            continue
        ours = measured(sets / entry.data_set, entry)
        off = ours.psnr - entry.psnr
        write(f"{entry.data_set:<10} {entry.degradation:<12} {entry.protocol:<10} ")
        write(f"{ours.psnr:7.3f} {entry.psnr:9.2f} {off:+8.3f}")
        is_off = abs(off) > PSNR_TOLERANCE
        if entry.ssim is not None:
            off = ours.ssim - entry.ssim
            write(f" {ours.ssim:8.4f} {entry.ssim:9.4f} {off:+7.4f}")
            explained = (entry.data_set, entry.degradation) in WITH_BORDER
            is_off = is_off or (abs(off) > SSIM_TOLERANCE and not explained)
        write("  <--\n" if is_off else "\n")
        worst = worst or is_off
    return int(worst)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, help="folder with the published image sets")
    sys.exit(main(parser.parse_args().sets))
