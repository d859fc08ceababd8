"""Stage ``reconstruct``: restore the test images of one experiment, tile by tile."""

from pipeline.running.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.arrays.stage_outputs import read_json
from pipeline.images.benchmarks import degraded_images, drawn_sigmas
from pipeline.machine.devices import pick_device
from pipeline.machine.precision import Precision, choose_precision
from pipeline.models.parts.pooling import average_locally, averages_globally
from pipeline.models.parts.settings import Model
from pipeline.running.evaluation_record import log_speed
from pipeline.running.outputs import new_folder
from pipeline.tiling.ensemble import SelfEnsemble
from pipeline.tiling.halo import halo_of
from pipeline.tiling.precision_loss import precision_loss
from pipeline.tiling.restorer import Restorer
from pipeline.tiling.rows import NpyRows
from pipeline.tiling.streaming import restore_file
from pipeline.tiling.trained_network import load_network

_OVERLAP = 16
"""Share of an image of the only size that a network takes which is context, on each side."""


def reconstruct(
    *,
    model: Model,
    model_name: str,
    weights: Path,
    benchmark: Path,
    way: str,
    out: Path,
    threads: int,
    tile: int,
    precision: str,
) -> None:
    """Write the restored version of every image of a benchmark.

    Args:
        model: Architecture and size.
        model_name: Architecture and model, such as ``dncnn.gray_10``.
        weights: Folder with ``weights.safetensors``, from stage ``train``.
        benchmark: Its images, from stage ``degrade_test``.
        way: How the network restores a whole image; ``pipeline/settings/params.py`` lists the ways.
        out: Folder to make: ``DATA_SET/LEVEL/IMAGE.npy``, float32 ``(H, W, C)``, not clipped,
            a PNG of each to look at, and ``tiling.json`` with that name, the checksum of the
            weights, the way, the halo that was measured (none where the whole image goes through
            the network at once), the tiles and the format, and what a format shorter than float32
            costs.
        threads: CPU threads to compute with.
        tile: Side of a tile's core, in pixels.
        precision: Format of the convolutions.

    Raises:
        ValueError: The network cannot be tiled exactly.
        TooLittleMemoryError: There is none even for small tiles.
    """
    device = pick_device(threads)
    network = load_network(model, weights)
    if way == "local_averages":
        average_locally(network, _patch_size(weights))
    halo: int | None = None
    if way == "patches":
        tile, halo = _patch_size(weights), 0
    elif model.image_size is not None:
        halo = model.image_size // _OVERLAP
    elif not averages_globally(network):
        halo = halo_of(network, model)
    if way == "self_ensemble":
        network = SelfEnsemble(network)
    chosen = choose_precision(precision, device)
    restorer = Restorer(
        network,
        device,
        tile=tile,
        halo=halo,
        scale=model.scale,
        multiple=model.multiple,
        window=model.image_size,
        precision=chosen,
    )
    sigmas = drawn_sigmas(benchmark) if model.takes_noise_map else {}
    images = list(degraded_images(benchmark))
    took: list[tuple[float, float]] = []
    with new_folder(out) as folder:
        for place, degraded in images:
            path = folder / place / degraded.name
            path.parent.mkdir(parents=True, exist_ok=True)
            sigma = sigmas.get(path.relative_to(folder)) if model.takes_noise_map else None
            began = time.perf_counter()
            restore_file(degraded, path, path.with_suffix(".png"), restorer, sigma)
            took.append((time.perf_counter() - began, _megapixels(path)))
        facts: dict[str, Any] = {
            "model": model_name,
            "weights_sha256": read_json(weights / "card.json")["weights_sha256"],
            "way": way,
            "halo": halo,
            "tile": restorer.tile,
            "precision": chosen.value,
        }
        if chosen is not Precision.FLOAT32:
            first = {str(place): path for place, path in reversed(images)}
            facts["loss"] = {
                place: precision_loss(path, restorer, sigmas.get(Path(place) / path.name))
                for place, path in sorted(first.items())
            }
        (folder / "tiling.json").write_text(json.dumps(facts) + "\n")
    _tell_speed(out.name, facts["weights_sha256"], took)


def _tell_speed(experiment: str, weights: str, took: Sequence[tuple[float, float]]) -> None:
    """Tell the tracker how long a megapixel took, without the first image, which warms up."""
    if took:
        seconds, megapixels = map(sum, zip(*took[1:] or took, strict=True))
        log_speed(experiment, weights, round(seconds / megapixels, 4))


def _megapixels(path: Path) -> float:
    height, width, _ = NpyRows(path).shape
    return height * width / 1e6


def _patch_size(weights: Path) -> int:
    """Return the side of the patches that weights were trained on, from their card."""
    size: int = read_json(weights / "card.json")["trained_on"]["patch_size"]
    return size


if __name__ == "__main__":
    run_stage(reconstruct)
