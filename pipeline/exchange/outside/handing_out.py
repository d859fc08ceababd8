"""Hand the degraded images of a benchmark out, for other programs to restore."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.pixels import Array, from_8bit, to_8bit
from pipeline.degradations.result_files import file_name
from pipeline.images.benchmarks import BenchmarkImage, images_of, read_trials
from pipeline.images.files import write_8bit_png

FILES = "{data_set}/{level}/{image}"
"""Where an image lies in the folder, but for its ending."""

MANIFEST, WORDS = "manifest.json", "README.txt"


def hand_out(benchmark: Path, to: Path) -> dict[str, Any]:
    """Write every degraded image of a benchmark, and what a program has to know of it.

    Args:
        benchmark: What ``stages/degrade_test.py`` wrote.
        to: Folder to make: ``DATA_SET/LEVEL/IMAGE``, as PNG where 8 bits hold the image exactly and
            otherwise as TIFF of float32 in [0, 1]; ``manifest.json`` with checksum and size of each
            and the size that its restored version shall have; ``README.txt`` for people.

    Returns:
        How many images there are, how many of them are in floats, and the entry of ``params.yaml``
        that measures what becomes of them.

    Raises:
        ValueError: There are no test images.
        OSError: A file cannot be read or written, or the folder has files in it.
    """
    images = list(images_of(benchmark))
    if not images:
        raise ValueError(f"{benchmark}: expected test images, came none")
    if to.exists() and any(to.iterdir()):
        raise FileExistsError(f"{to}: expected a new folder, or an empty one")
    entries = [_write(image, to) for image in images]
    manifest = {
        "benchmark": benchmark.name,
        "trials": [trial.model_dump(mode="json") for trial in read_trials(benchmark)],
        "images": entries,
    }
    (to / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (to / WORDS).write_text(_words(benchmark.name, entries), encoding="utf-8")
    return {
        "images": len(entries),
        "floats": sum(one["file"].endswith(".tif") for one in entries),
        "entry": _entry(benchmark.name),
    }


def _write(image: BenchmarkImage, to: Path) -> dict[str, Any]:
    degraded, clean = image.degraded(), image.clean()
    name = file_name(FILES, image.trial.dataset, image.level, image.name)
    exact = np.array_equal(from_8bit(to_8bit(degraded)), degraded)
    path = to / f"{name}.{'png' if exact else 'tif'}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if exact:
        write_8bit_png(path, to_8bit(degraded))
    else:
        _write_floats(path, degraded)
    return {
        "file": path.relative_to(to).as_posix(),
        "sha256": sha256_of(path),
        "data_set": image.trial.dataset,
        "level": image.level.label,
        "image": image.name,
        "colour": image.trial.colour,
        "values": "8-bit" if exact else "float32 in [0, 1], beyond it where the noise is",
        "size": list(degraded.shape),
        "restored_size": list(clean.shape),
    }


def _write_floats(path: Path, image: Array) -> None:
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    tifffile.imwrite(path, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb")


def _words(name: str, entries: Iterable[dict[str, Any]]) -> str:
    kinds = sorted({(one["data_set"], one["level"], one["colour"]) for one in entries})
    lines = "\n".join(f"  {data_set}/{level}: {colour}" for data_set, level, colour in kinds)
    return f"""Degraded images of the benchmark '{name}'

{lines}

Restore each file, and write the result under the same name into a folder of its own, as .tif or
.npy of floats in [0, 1] (exact), or as .png (rounded to 8 bits). Images of one channel stay so, or
become RGB of three equal channels. manifest.json says how large each restored image shall be.

Then name the folder in params.yaml, in place of `outside: {{}}`, and `dvc repro` measures it beside
all others:

{_entry(name)}
"""


def _entry(name: str) -> str:
    """Return what is written in ``params.yaml`` to measure the results."""
    return f'outside:\n  NAME: {{source: FOLDER, files: "{FILES}.png", test_on: {name}}}'
