"""Stage ``degrade_input``: degrade the samples of a recognition task."""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays.pixels import Array, from_8bit
from pipeline.arrays.randomness import generator
from pipeline.degradations.levels import Level, levels
from pipeline.degradations.settings import Degradation, Gaussian
from pipeline.degrading.synthesis import degrade
from pipeline.recognition.labelled.fidelity import mean_psnr
from pipeline.recognition.labelled.samples import read_labelled, write_labelled
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.running.workers import each


def degrade_input(*, degradation: Degradation, clean: Path, out: Path, seed: int) -> None:
    """Write the samples of a task degraded: each image by itself, each band of a cube by itself.

    What is drawn depends on seed, task, position of the sample and level alone.

    Args:
        degradation: What to do, at a single level.
        clean: Folder of the task's clean samples.
        out: Folder to make, as ``pipeline/recognition/labelled/samples.py`` describes it; values
            are float32, not clipped.
        seed: Seed of the params.

    Raises:
        ValueError: The samples are neither images nor a cube, or the degradation has several
            levels or changes their size.
    """
    labelled = read_labelled(clean)
    if labelled.kind == "features":
        raise ValueError(f"{clean}: expected images or a cube to degrade, came features")
    found = levels(degradation)
    if len(found) != 1:
        names = ", ".join(one.label for one in found)
        raise ValueError(f"expected a degradation with a single level, came {names}")
    (level,) = found
    values = np.asarray(labelled.values)
    samples = values if labelled.kind == "images" else np.moveaxis(values, -1, 0)[..., None]
    work = partial(_degraded, samples=samples, level=level, key=(seed, clean.name))
    degraded = np.stack(list(each(work, range(len(samples)))))
    if labelled.kind == "cube":
        degraded = np.ascontiguousarray(np.moveaxis(degraded[..., 0], 0, -1))
    card = {
        "task": clean.name,
        "from": clean.name,
        "degradation": level.label,
        "degradation_in_words": level.words,
        "sigma_8bit": _sigma_of(level),
        "restored_by": None,
        "model": None,
        "psnr": mean_psnr(labelled, degraded),
        "psnr_input": None,
    }
    with new_folder(out) as folder:
        write_labelled(folder, labelled.with_values(degraded), card)


def _sigma_of(level: Level) -> float | None:
    """Return the sigma of Gaussian noise that is the same for all samples."""
    if not isinstance(level.settings, Gaussian):
        return None
    sigma = level.settings.sigma_8bit
    return sigma if isinstance(sigma, float) else None


def _degraded(
    position: int, samples: NDArray[np.generic], level: Level, key: tuple[int, str]
) -> Array:
    sample = samples[position]
    clean = from_8bit(sample) if sample.dtype == np.uint8 else sample.astype(np.float32)
    result = degrade(clean, level, generator(*key, "sample", position, level.label)).image
    if result.shape != clean.shape:
        raise ValueError(
            f"{level.label} makes {result.shape[:2]} of {clean.shape[:2]} pixels: what is "
            "recognised must keep its size; choose `result: interpolated`"
        )
    return result


if __name__ == "__main__":
    run_stage(degrade_input)
