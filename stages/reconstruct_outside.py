"""Stage ``reconstruct_outside``: take in the test images that another program restored."""

import json
from pathlib import Path

import numpy as np

from pipeline.exchange.outside.taking_in import digest_of_results, take_in
from pipeline.images.benchmarks import images_of, restored_path
from pipeline.images.files import write_png
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.settings.outside import Outside


def reconstruct_outside(*, results: Outside, source: Path, benchmark: Path, out: Path) -> None:
    """Write what another program restored of a benchmark as if it had been restored here.

    Args:
        results: Which file is of which image.
        source: Folder of the files.
        benchmark: The test images, from stage ``degrade_test``.
        out: Folder to make: ``DATA_SET/LEVEL/IMAGE.npy``, float32 ``(H, W, C)``, not clipped, a PNG
            of each to look at, and ``tiling.json`` with one checksum of all files, in place of that
            of weights, and how many of them hold 8-bit values.

    Raises:
        OutsideError: Results are missing, do not fit their images or come of other noise; all of
            them are listed.
    """
    images = list(images_of(benchmark))
    files, in_8bit = [], 0
    with new_folder(out) as folder:
        for taken in take_in(source, results.files, images):
            path = restored_path(folder, taken.image)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, taken.result.pixels)
            write_png(path.with_suffix(".png"), taken.result.pixels)
            files.append(taken.file)
            in_8bit += taken.result.in_8bit
        facts = {
            "model": "outside",
            "weights_sha256": digest_of_results(files),
            "in_8bit": in_8bit,
            "files": len(files),
        }
        (folder / "tiling.json").write_text(json.dumps(facts) + "\n")


if __name__ == "__main__":
    run_stage(reconstruct_outside)
