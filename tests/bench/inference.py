"""Tiled against untiled restoration of a large image: ``python -m tests.bench.inference``.

Prints one line of JSON a figure. Each way runs in a process of its own, so that its memory can
be told; with ``--huge`` a whole file of 100 megapixels goes through the stage's own path.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.running.process import compute_environment, restart_with, usable_threads

if __name__ == "__main__":
    restart_with(compute_environment(usable_threads(64)))

import numpy as np
import torch

from pipeline.arrays.pixels import Array
from pipeline.machine.devices import pick_device
from pipeline.machine.precision import Precision, convolution_rate
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.tiling.folding import fold_normalisation
from pipeline.tiling.halo import measure_halo
from pipeline.tiling.restorer import Restorer
from pipeline.tiling.streaming import restore_file
from tests.bench.formats import formats_of
from tests.bench.measurement import Measurement, print_lines

MODEL = DnCNN(channels=1, width=64, depth=17, batch_norm=True, residual=True)
WORK = 2 * 556_032 / 1e3
"""GFLOP a megapixel."""

TILE = 512
LIMITED_BY = {"tf32": Precision.TF32, "bfloat16": Precision.BFLOAT16}


def main() -> None:
    """Print the figures, or measure one way for the process that asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--huge", action="store_true", help="100 megapixels, from file to file")
    parser.add_argument("--way", choices=[*WAYS, "stream"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way == "stream":
        stream(options.megapixels)
    elif options.way:
        one_way(options.way, options.megapixels)
    else:
        print_lines(measure(options.megapixels, options.rounds, huge=options.huge))


def measure(megapixels: float, rounds: int, *, huge: bool) -> Iterator[Measurement]:
    """Yield speed and memory of each way to restore a gray image with DnCNN-S."""
    device = pick_device(usable_threads(64))
    limits = {
        precision: convolution_rate(precision, device, batch=16, backward=False) / WORK
        for precision in formats_of(device)
    }
    ways = {way: LIMITED_BY.get(way.rsplit(" ", 1)[-1], Precision.FLOAT32) for way in WAYS}
    ways = {way: precision for way, precision in ways.items() if precision in limits}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    megabytes: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found = _asked("--way", way, "--megapixels", str(megapixels))
            seconds[way].append(found["seconds"])
            megabytes[way].append(found["megabytes"])
    group = f"restoring {megapixels:g} MP, DnCNN-S"
    for way, precision in ways.items():
        rates = tuple(megapixels / one for one in seconds[way])
        yield Measurement(group, way, "MP/s", rates, limits[precision])
    for way in ways:
        yield Measurement(group, f"{way}, peak memory", "MB", tuple(megabytes[way]))
    if huge:
        found = _asked("--way", "stream", "--megapixels", "100")
        group = "restoring 100 MP from file to file, DnCNN-S"
        yield Measurement(group, "tiles, float32", "MP/s", (100 / found["seconds"],))
        yield Measurement(group, "tiles, float32, peak memory", "MB", (found["megabytes"],))


def _asked(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.inference", *arguments]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def whole_as_usual(image: Array, device: torch.device) -> Array:
    """Restore as the usual test scripts do: all at once, NCHW, normalisation as it was trained."""
    network = build_model(MODEL, 0).eval().to(device)
    with torch.inference_mode():
        output = network(torch.from_numpy(image).permute(2, 0, 1)[None].to(device))
    restored: Array = output[0].permute(1, 2, 0).cpu().numpy()
    return restored


def in_tiles(precision: Precision) -> Callable[[Array, torch.device], Array]:
    """Return a function that restores in tiles, in some format."""
    return lambda image, device: restorer(device, precision).restore(image)


def restorer(device: torch.device, precision: Precision) -> Restorer:
    """Return what the stage ``reconstruct`` restores with."""
    network = build_model(MODEL, 0)
    halo = measure_halo(network, MODEL.input_channels)
    folded = fold_normalisation(network.eval())
    return Restorer(folded, device, tile=TILE, halo=halo, precision=precision)


WAYS: Mapping[str, Callable[[Array, torch.device], Array]] = {
    "whole, as usual, float32": whole_as_usual,
    "tiles, float32": in_tiles(Precision.FLOAT32),
    "tiles, tf32": in_tiles(Precision.TF32),
    "tiles, bfloat16": in_tiles(Precision.BFLOAT16),
}


def one_way(way: str, megapixels: float) -> None:
    """Print seconds and peak memory of restoring an image in memory."""
    device = pick_device(usable_threads(64))
    image = noise(megapixels)
    WAYS[way](image[:64, :64], device)
    start = time.perf_counter()
    WAYS[way](image, device)
    _tell(time.perf_counter() - start)


def stream(megapixels: float) -> None:
    """Print seconds and peak memory of restoring a file."""
    device = pick_device(usable_threads(64))
    with TemporaryDirectory() as name:
        folder = Path(name)
        shape = noise(megapixels / 100).shape
        image = np.lib.format.open_memmap(
            folder / "degraded.npy", "w+", np.float32, (10 * shape[0], 10 * shape[1], 1)
        )
        for first in range(0, len(image), shape[0]):
            image[first : first + shape[0]] = np.tile(noise(megapixels / 100), (1, 10, 1))
        image.flush()
        del image
        start = time.perf_counter()
        restore_file(
            folder / "degraded.npy",
            folder / "restored.npy",
            folder / "restored.png",
            restorer(device, Precision.FLOAT32),
        )
        _tell(time.perf_counter() - start)


def noise(megapixels: float) -> Array:
    """Return a random gray image of 4:3, ``(H, W, 1)``."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    return np.random.default_rng(0).random((height, width, 1), dtype=np.float32)


def _tell(seconds: float) -> None:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    sys.stdout.write(json.dumps({"seconds": seconds, "megabytes": peak}))


if __name__ == "__main__":
    main()
