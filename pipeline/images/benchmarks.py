"""The folder of a benchmark: where its clean and degraded images lie, and the restored ones.

``BENCHMARK/trials.json`` has the trials, as the params had them;
``BENCHMARK/DATA_SET/LEVEL/clean/IMAGE.png`` and ``.../degraded/IMAGE.npy``; clean images that
8 bits cannot hold also lie beside their PNG, as ``clean/IMAGE.npy``. Degraded images are smaller
than clean ones where the degradation leaves them small. Restored images
lie under ``EXPERIMENT/DATA_SET/LEVEL/IMAGE.npy``, with a PNG of each to look at.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.arrays.pixels import Array
from pipeline.arrays.stage_outputs import read_json
from pipeline.arrays.tables import read_mappings
from pipeline.degradations.levels import Level, levels, reduction_of, scale_of
from pipeline.degradations.settings import measured_as
from pipeline.images.files import image_size, read_image, write_png
from pipeline.images.resize import resize
from pipeline.settings.params import Trial

TRIALS = "trials.json"
"""Name of the file with the trials of a benchmark."""

_SSIM_WINDOW, _BORDER_IN_COLOUR = 11, 6


@dataclass(frozen=True)
class BenchmarkImage:
    """One image of a benchmark at one level of its degradation.

    Args:
        trial: The part of the benchmark that it belongs to.
        level: Level of the degradation.
        name: Name of the image.
        folder: Folder of the benchmark.
    """

    trial: Trial
    level: Level
    name: str
    folder: Path

    @property
    def place(self) -> Path:
        """Data set and level, the folder that this image has in every tree."""
        return Path(self.trial.dataset) / self.level.label

    def clean(self) -> Array:
        """Return the clean image, ``(H, W, C)`` in [0, 1]."""
        png = self._clean_png
        return np.load(png.with_suffix(".npy")) if _in_float(self.trial) else read_image(png)

    def degraded(self) -> Array:
        """Return the degraded image, ``(H, W, C)`` in [0, 1] up to noise and overshoot.

        It is what a network gets: smaller than the clean one where the result is ``low``.
        """
        image: Array = np.load(self.folder / self.place / "degraded" / f"{self.name}.npy")
        return image

    def interpolated(self) -> Array:
        """Return the degraded image in the size of the clean one, ``(H, W, C)``.

        A small one is interpolated bicubically; what has full size is returned as it is.
        """
        degraded = self.degraded()
        if reduction_of(self.level) == 1:
            return degraded
        return resize(degraded, *image_size(self._clean_png))

    @property
    def _clean_png(self) -> Path:
        return self.folder / self.place / "clean" / f"{self.name}.png"

    @property
    def scale(self) -> float:
        """Super-resolution scale; 1 where nothing shrinks."""
        return scale_of(self.level)


def write_trials(folder: Path, trials: Sequence[Trial]) -> None:
    """Write the trials of a benchmark into its folder."""
    content = [trial.model_dump() for trial in trials]
    (folder / TRIALS).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_trials(folder: Path) -> list[Trial]:
    """Return the trials of a benchmark.

    Args:
        folder: What ``stages/degrade_test.py`` wrote.

    Raises:
        OSError: It wrote nothing.
    """
    content = read_json(folder / TRIALS)
    return [Trial.model_validate(trial) for trial in content]


def images_of(folder: Path) -> Iterator[BenchmarkImage]:
    """Yield the images of a benchmark: by trial, by level, by name.

    Args:
        folder: What ``stages/degrade_test.py`` wrote.

    Raises:
        OSError: It wrote nothing.
    """
    for trial in read_trials(folder):
        for level in levels(trial.degradation):
            place = folder / trial.dataset / level.label / "clean"
            for path in sorted(place.glob("*.png")):
                yield BenchmarkImage(trial, level, path.stem, folder)


def write_images(image: BenchmarkImage, clean: Array, degraded: Array) -> None:
    """Write one image of a benchmark.

    Args:
        image: Which one; its folder is made.
        clean: ``(H, W, C)`` in [0, 1].
        degraded: The same shape, or a smaller one; not rounded.
    """
    place = image.folder / image.place
    for kind in ("clean", "degraded"):
        (place / kind).mkdir(parents=True, exist_ok=True)
    write_png(place / "clean" / f"{image.name}.png", clean)
    if _in_float(image.trial):
        np.save(place / "clean" / f"{image.name}.npy", clean)
    np.save(place / "degraded" / f"{image.name}.npy", degraded)


def smallest_side(trial: Trial, level: Level) -> int:
    """Return how many pixels a side an image needs, so that every protocol can measure it.

    That is the window of SSIM, and the borders that protocols of super-resolution leave out.
    """
    if measured_as(trial.degradation) != "bicubic" or trial.colour == "gray":
        return _SSIM_WINDOW
    border = math.ceil(scale_of(level)) + (_BORDER_IN_COLOUR if trial.colour == "rgb" else 0)
    return _SSIM_WINDOW + 2 * border


def _in_float(trial: Trial) -> bool:
    return trial.colour == "y_of_rgb"


def restored_path(folder: Path, image: BenchmarkImage) -> Path:
    """Return where an experiment's restored version of a test image lies, a ``.npy`` file."""
    return folder / image.place / f"{image.name}.npy"


def degraded_images(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield every degraded image of a benchmark, whatever its trials are.

    Yields:
        Its place (data set and level) and its file, float32 ``(H, W, C)``.
    """
    for path in sorted(folder.glob("*/*/degraded/*.npy")):
        yield path.parent.parent.relative_to(folder), path


def drawn_sigmas(folder: Path) -> dict[Path, float]:
    """Return the level of the noise of each image of a benchmark, on the scale of 0 to 255.

    Args:
        folder: What ``stages/degrade_test.py`` wrote, its cards among it.

    Returns:
        By place and file, ``DATA_SET/LEVEL/IMAGE.npy``.

    Raises:
        ValueError: An image has no Gaussian noise of one level.
    """
    path = folder / "card.csv"
    sigmas = {}
    for row in read_mappings(path, ("data_set", "image", "label")):
        if not row.get("sigma_8bit"):
            raise ValueError(
                f"{path}: expected a level of Gaussian noise for every image, as the network is "
                f"told it; came none for {row['image']} ({row['label']})"
            )
        place = Path(row["data_set"]) / row["label"] / f"{row['image']}.npy"
        sigmas[place] = float(row["sigma_8bit"])
    return sigmas
