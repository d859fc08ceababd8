"""What ``restore photo`` does to photographs whose clean ones are known.

``python -m tests.bench.photographs FOLDER...`` prints a row of docs/weights.md for each folder, as
the stage ``download`` writes it: ``clean/``, and ``degraded/`` where the photographs are noisy by
themselves. Others are restored as they are, which should change nothing, or after ``--noise`` and
``--jpeg``, in this order, as in a phone. The command itself runs, so a row says what people get.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from pipeline.arrays.pixels import Bytes, from_8bit
from pipeline.arrays.randomness import generator
from pipeline.images.files import read_8bit, write_png
from pipeline.measuring.metrics import psnr


def main(folders: Sequence[Path], sigma_8bit: float, quality: int | None) -> None:
    """Print a row for each folder.

    Args:
        folders: With ``clean/``, and ``degraded/`` where photographs are noisy by themselves.
        sigma_8bit: Standard deviation of the noise that clean ones get.
        quality: Of the JPEG files that these become; None for PNG.
    """
    columns = ("photographs", "how many", "before", "after", "left alone", "worse")
    sys.stdout.write(f"| {' | '.join(columns)} |\n| --- |{' ---: |' * (len(columns) - 1)}\n")
    for folder in folders:
        with tempfile.TemporaryDirectory() as scratch:
            given = _given(folder, Path(scratch) / "photos", sigma_8bit, quality)
            restored = Path(scratch) / "restored"
            command = [sys.executable, "-m", "pipeline.cli", "photo", str(given)]
            subprocess.run([*command, "--out", str(restored)], check=True, stdout=sys.stderr)
            sys.stdout.write(f"| {folder.name} | {_row(folder / 'clean', given, restored)} |\n")
            sys.stdout.flush()


def _given(folder: Path, made: Path, sigma_8bit: float, quality: int | None) -> Path:
    """Return a folder with the photographs to restore."""
    degraded = folder / "degraded"
    if degraded.is_dir():
        return degraded
    made.mkdir()
    for path in sorted((folder / "clean").iterdir()):
        clean = read_8bit(path)
        noise = generator("photographs", path.name).normal(0, sigma_8bit, clean.shape)
        values: Bytes = np.rint(np.clip(clean + noise, 0, 255)).astype(np.uint8)
        if quality is None:
            write_png(made / f"{path.stem}.png", from_8bit(values))
        else:
            image = Image.fromarray(values.squeeze())
            image.save(made / f"{path.stem}.jpg", quality=quality)
    return made


def _row(clean: Path, given: Path, restored: Path) -> str:
    cleans = {path.stem: path for path in clean.iterdir()}
    before, after = [], []
    for path in sorted(given.iterdir()):
        true = read_8bit(cleans[path.stem]).astype(np.float64)
        before.append(psnr(true, read_8bit(path).astype(np.float64)))
        after.append(psnr(true, read_8bit(restored / path.name).astype(np.float64)))
    alone = sum(new == old for old, new in zip(before, after, strict=True))
    worse = sum(new < old for old, new in zip(before, after, strict=True))
    return f"{len(after)} | {_mean(before)} | {_mean(after)} | {alone} | {worse}"


def _mean(values: Sequence[float]) -> str:
    """Return the mean of all that are not infinite, as those of clean photographs are."""
    finite = [value for value in values if isfinite(value)]
    return f"{fmean(finite):.2f}" if finite else ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--noise", type=float, default=0.0, metavar="SIGMA", help="0 to 255")
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="0 to 100")
    options = parser.parse_args()
    main(options.folders, options.noise, options.jpeg)
