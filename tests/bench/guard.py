"""Figures of the contamination guard: ``python -m tests.bench.guard SETS [--images N]``.

Prints what it finds of planted copies, what it takes for copies between sets that share nothing,
and how long it takes. All images are real.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from pipeline.arrays.pixels import Array, Bytes, from_8bit, to_8bit
from pipeline.contamination import find_overlaps, gray_pixels
from pipeline.contamination.pictures import Pictures
from pipeline.images.files import compress_jpeg
from pipeline.images.raw_images import RawImage
from pipeline.images.resize import rescale

Change = Callable[[Array], Array]

CHANGES: Mapping[str, Change] = {
    "as it is": lambda image: image,
    "JPEG 75": lambda image: compress_jpeg(image, 75, "yuv420"),
    "JPEG 50": lambda image: compress_jpeg(image, 50, "yuv420"),
    "0.5 times": lambda image: rescale(image, 0.5),
    "0.7 times": lambda image: rescale(image, 0.7),
    "1.5 times": lambda image: rescale(image, 1.5),
    "2 times": lambda image: rescale(image, 2.0),
    "0.7 times, JPEG 75": lambda image: compress_jpeg(rescale(image, 0.7), 75, "yuv420"),
    "quarter turn": lambda image: np.rot90(image),
    "mirrored": lambda image: image[:, ::-1],
    "contrast 0.8, brighter": lambda image: 0.8 * image + 0.12,
}

SUFFIXES = {".png", ".bmp", ".jpg"}

CUT_FROM = ("bsd68", "live1")

DISJOINT = (
    ("bsds500_train", ("bsd68", "live1", "set14", "classic5", "cc15", "nam25")),
    ("bsd400", ("bsd68", "live1", "set14", "classic5", "cc15", "nam25")),
    ("t91", ("set5", "set14", "set12", "bsd68", "classic5", "live1")),
    ("polyu_crops", ("cc15", "nam25", "set12", "bsd68", "live1")),
)
"""Pairs of sets that share nothing, as far as anybody saw."""

TIMED = ("bsds500_train", "polyu_crops")
"""Two thirds 481x321, one third 512x512."""


def clean_images(folder: Path) -> list[RawImage]:
    """Return the clean images below the folder of a published set."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    noisy = ("_real", "_noise")
    return [RawImage(file.stem, file, None) for file in files if not file.stem.endswith(noisy)]


def planted(image: Bytes, size: int, change: Change, rng: np.random.Generator) -> Bytes:
    """Return a crop of an image at a random place, changed."""
    row, column = (rng.integers(side - size + 1) for side in image.shape)
    crop = from_8bit(image[row : row + size, column : column + size, None])
    return to_8bit(change(crop))[..., 0]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, help="folder with one folder a published set")
    parser.add_argument("--images", type=int, default=10_000, help="training images to time")
    options = parser.parse_args()
    for line in (
        *recall(options.sets),
        *false_alarms(options.sets),
        *speed(options.sets, options.images),
    ):
        print(line, flush=True)  # noqa: T201 -- it talks to people


def recall(sets: Path) -> Iterator[str]:
    """Cut one crop of each test image, change it, and look for it."""
    files = [image.clean for name in CUT_FROM for image in clean_images(sets / name)]
    images = [gray_pixels(file) for file in files]
    pictures = Pictures(images)
    yield f"found of {len(images)} crops, one of each image of {', '.join(CUT_FROM)};"
    yield "in brackets: of those missed, too small or smooth to be judged, and reported so"
    sizes = (180, 120, 90)
    yield f"{'':24}" + "".join(f"{f'{size}x{size}':>14}" for size in sizes)
    for name, change in CHANGES.items():
        cells = []
        for size in sizes:
            rng = np.random.default_rng(size)
            looks = [pictures.find(planted(image, size, change, rng)) for image in images]
            found = [any(s.position == at for s in seen) for at, (_, seen) in enumerate(looks)]
            unjudged = sum(
                not f and not judged for f, (judged, _) in zip(found, looks, strict=True)
            )
            cells.append(f"{f'{sum(found)} ({unjudged})':>14}")
        yield f"{name:24}" + "".join(cells)


def false_alarms(sets: Path) -> Iterator[str]:
    """Look for the images of sets in sets that share nothing with them."""
    for train, tests in DISJOINT:
        images = clean_images(sets / train)
        test = {name: clean_images(sets / name) for name in tests}
        found = find_overlaps(images, test).overlaps
        pairs = len(images) * sum(map(len, test.values()))
        yield f"{train} and {', '.join(tests)}: {len(found)} false alarms in {pairs} pairs"
        for overlap in found:
            yield f"  {overlap}"


def speed(sets: Path, count: int) -> Iterator[str]:
    """Time the search in many images: real ones, in turn, as nothing is kept from one look."""
    sources = [i.clean for name in TIMED for i in clean_images(sets / name)]
    images = [RawImage(str(n), sources[n % len(sources)], None) for n in range(count)]
    test = {name: clean_images(sets / name) for name in ("set12", "bsd68", "live1")}
    wall, busy = time.perf_counter(), time.process_time()
    find_overlaps(images, test)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    yield (
        f"{count} images of {', '.join(TIMED)} against {sum(map(len, test.values()))} test images: "
        f"{wall:.0f} s, {busy:.0f} s of processor time, at most {peak_memory():.0f} MiB"
    )


def peak_memory() -> float:
    """Return the largest memory that this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
