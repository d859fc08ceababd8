"""Stage ``reconstruct_programs``: restore the test images with a network that runs by itself."""

from pipeline.running.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.arrays.file_checksum import sha256_of
from pipeline.exchange.programs import ProgramError
from pipeline.exchange.programs.foreign_network import ForeignNetwork
from pipeline.exchange.programs.opened import Opened
from pipeline.exchange.programs.opening import open_program
from pipeline.exchange.programs.putting_to_the_test import network_of, planes_of, put_to_the_test
from pipeline.exchange.programs.surroundings import surroundings_of
from pipeline.images.benchmarks import BenchmarkImage, drawn_sigmas, images_of, restored_path
from pipeline.running.outputs import new_folder
from pipeline.settings.programs import Program
from pipeline.tiling.restorer import Restorer
from pipeline.tiling.streaming import restore_file

_TEST_SIDE = 192
"""Pixels of the image that a program is put to the test on."""

_OVERLAP = 8
"""Share of an image of the only size that a program takes which is context, on each side."""


def reconstruct_programs(
    *, program: Program, source: Path, benchmark: Path, out: Path, threads: int, tile: int
) -> None:
    """Write the restored version of every image of a benchmark, made by another program.

    Args:
        program: What its images are like.
        source: The file.
        benchmark: The test images, from stage ``degrade_test``.
        out: Folder to make: ``DATA_SET/LEVEL/IMAGE.npy``, float32 ``(H, W, C)``, not clipped, a PNG
            of each to look at, and ``tiling.json`` with the checksum of the file, the halo that was
            measured, whether tiles are exact, and the tiles.
        threads: CPU threads to compute with.
        tile: Side of a tile's core, in pixels.

    Raises:
        ProgramError: The file does not do what its entry says.
        TooLittleMemoryError: There is none even for small tiles.
    """
    device = torch.device("cpu")  # of what runs the programs
    opened = open_program(program.kind, source, threads)
    network = network_of(opened, program)
    images = list(images_of(benchmark))
    sigmas = drawn_sigmas(benchmark) if program.noise_map else {}
    tiling = _tiling(opened, network, program)
    restorer = Restorer(
        network,
        device,
        tile=tile,
        halo=tiling.halo,
        scale=program.scale,
        multiple=tiling.multiple,
        window=tiling.window,
    )
    _try(opened, program, images[0], sigmas.get(_place(images[0])), restorer.least_side)
    with new_folder(out) as folder:
        for image in images:
            path = restored_path(folder, image)
            path.parent.mkdir(parents=True, exist_ok=True)
            degraded = image.folder / image.place / "degraded" / f"{image.name}.npy"
            restore_file(
                degraded, path, path.with_suffix(".png"), restorer, sigmas.get(_place(image))
            )
        facts: dict[str, Any] = {
            "model": program.kind,
            "weights_sha256": sha256_of(source),
            "way": "plain",
            "halo": tiling.halo,
            "exact": tiling.exact,
            "tile": restorer.tile,
            "precision": "float32",
        }
        (folder / "tiling.json").write_text(json.dumps(facts) + "\n")


@dataclass(frozen=True)
class _Tiling:
    """How a program sees whole images: in cells, with a halo, or in windows of one size."""

    halo: int | None
    exact: bool
    multiple: int = 1
    window: int | None = None


def _tiling(opened: Opened, network: ForeignNetwork, program: Program) -> _Tiling:
    if opened.size is not None:
        height, width = opened.size
        if height != width:
            raise ProgramError(
                f"{program.source}: takes images of {height}x{width} alone; expected square ones, "
                "or any size"
            )
        return _Tiling(height // _OVERLAP, exact=False, window=height)
    planes = planes_of(program)
    with torch.inference_mode():
        multiple, halo = surroundings_of(
            network, planes, scale=program.scale, least=opened.multiple
        )
    return _Tiling(halo, exact=True, multiple=multiple)


def _place(image: BenchmarkImage) -> Path:
    return image.place / f"{image.name}.npy"


def _try(
    opened: Opened, program: Program, image: BenchmarkImage, sigma: float | None, least: int
) -> None:
    """Put a program to the test on the corner of a test image."""
    degraded, clean = image.degraded(), image.clean()
    side = least if opened.size else min(_TEST_SIDE, *degraded.shape[:2]) // least * least
    if min(degraded.shape[:2]) < side or side == 0:
        raise ProgramError(
            f"{program.source}: takes images of at least {least} pixels a side, larger than test "
            f"image {image.name} of {degraded.shape[0]}x{degraded.shape[1]}"
        )
    corner, larger = np.s_[:side, :side], np.s_[: side * program.scale, : side * program.scale]
    put_to_the_test(opened, program, degraded[corner], clean[larger], sigma)


if __name__ == "__main__":
    run_stage(reconstruct_programs)
