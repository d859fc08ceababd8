"""Stage ``reconstruct``: restore the test images of one experiment, tile by tile."""

import json
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from pipeline.benchmarks import degraded_images
from pipeline.images import write_png
from pipeline.machine import pick_device
from pipeline.models import build_model
from pipeline.outputs import new_folder
from pipeline.params import Model
from pipeline.stage_runner import run_stage
from pipeline.tiling import fold_normalisation, measure_halo, restore


def reconstruct(
    *,
    model: Model,
    weights: Path,
    benchmark: Path,
    out: Path,
    threads: int,
    tile: int,
) -> None:
    """Write the restored version of every image of a benchmark.

    Args:
        model: Architecture and size.
        weights: Folder with ``weights.safetensors``, from stage ``train``.
        benchmark: Its images, from stage ``degrade_test``.
        out: Folder to make: ``DATA_SET/LEVEL/IMAGE.npy``, float32 ``(H, W, C)``, not clipped,
            a PNG of each to look at, and ``tiling.json`` with the halo that was measured.
        threads: CPU threads to compute with.
        tile: Side of a tile's core, in pixels.

    Raises:
        ValueError: The network cannot be tiled exactly.
    """
    device = pick_device(threads)
    network = build_model(model, seed=0)
    network.load_state_dict(load_file(weights / "weights.safetensors"))
    halo = measure_halo(network, model.channels)
    network = fold_normalisation(network.eval()).to(device)
    with new_folder(out) as folder:
        for place, degraded in degraded_images(benchmark):
            restored = restore(np.load(degraded), network, device, tile, halo)
            path = folder / place / degraded.name
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, restored)
            write_png(path.with_suffix(".png"), restored)
        facts = {"halo": halo, "tile": tile}
        (folder / "tiling.json").write_text(json.dumps(facts) + "\n")


if __name__ == "__main__":
    run_stage(reconstruct, computes=True)
