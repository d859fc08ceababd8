"""Speed of the data stages: ``python -m tests.bench.data [FOLDER_OF_SETS] [--images N]``.

What is compared is run by turns (A B A B), since the speed of a machine drifts. The references are
Pillow's own: decoding and encoding the same files with the same worker threads, and its bicubic
resampling. Without the published sets, photographs of scikit-image are cut to files.
"""

import argparse
import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from pydantic import TypeAdapter

from pipeline.arrays.pixels import Bytes, from_8bit
from pipeline.degradations.settings import Degradation
from pipeline.images.files import read_8bit, write_png
from pipeline.images.resize import resize
from pipeline.running.workers import count_workers, each
from pipeline.settings.params import FolderDataset, Patches
from stages.degrade import degrade
from stages.download import download
from stages.extract import extract
from tests.bench.measurement import Measurement, print_lines

SET = "bsd400"
SIDE = 180
"""Of the images of that set."""

SIZE = 40
"""Side of the patches."""

QUALITY = 40

REPETITIONS = 7

PATCHES_PER_SECOND = 350_000
TIMES_PILLOW = 1.5


def by_turns(
    tasks: Mapping[str, Callable[[], object]], repetitions: int, clean: Path | None = None
) -> dict[str, tuple[float, ...]]:
    """Run each task once to warm up, then all of them by turns; return the seconds of each.

    Args:
        tasks: What to run, by name.
        repetitions: How often.
        clean: Folder to empty before each run, outside of the time that counts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _ in range(repetitions):
        for name, task in tasks.items():
            if clean is not None:
                shutil.rmtree(clean, ignore_errors=True)
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return {name: tuple(values) for name, values in seconds.items()}


def image_files(sets: Path | None, count: int, folder: Path) -> list[Path]:
    """Return image files: of the published set, or else pieces of photographs that are written."""
    if sets is not None and (sets / SET).is_dir():
        return sorted((sets / SET).glob("*.png"))[:count]
    import skimage.data

    photos = [skimage.data.camera(), skimage.data.coins(), skimage.data.moon()]
    pieces = [
        photo[row : row + SIDE, column : column + SIDE]
        for row in range(0, 330, 11)
        for column in range(0, 330, 11)
        for photo in photos
        if photo.shape[0] >= row + SIDE and photo.shape[1] >= column + SIDE
    ]
    folder.mkdir()
    files = [folder / f"{number:05d}.png" for number in range(min(count, len(pieces)))]
    for file, piece in zip(files, pieces, strict=False):
        write_png(file, from_8bit(piece[..., None]))
    return files


@contextmanager
def raw_set(sets: Path | None, count: int) -> Iterator[tuple[Path, Path]]:
    """Give an empty folder, and in it a data set as the stage ``download`` writes it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = folder / "source"
        source.mkdir()
        for file in image_files(sets, count, folder / "pieces"):
            shutil.copy(file, source / file.name)
        download(
            dataset=FolderDataset(kind="folder", source=str(source)),
            name="bench",
            source=source,
            checked=folder / "checked",
            downloads=folder / "downloads",
            out=folder / "raw",
        )
        yield folder, folder / "raw"


def extracting(raw: Path, out: Path, stride: int) -> int:
    """Run the stage ``extract``; return the number of patches."""
    settings = Patches(dataset="bench", colour="gray", size=SIZE, stride=stride, scales=[1.0])
    extract(bank=settings, images=raw, out=out)
    return len(np.load(out / "clean.npy", mmap_mode="r"))


def degrading(patches: Path, out: Path, settings: Degradation) -> None:
    """Run the stage ``degrade``."""
    degrade(name="bench", degradation=settings, patches=patches, out=out, seed=0)


def degradation(**settings: object) -> Degradation:
    """Return the settings of a degradation."""
    adapter: TypeAdapter[Degradation] = TypeAdapter(Degradation)
    return adapter.validate_python(settings)


def with_pillow(file: Path, *, again: bool) -> None:
    """Decode an image file and encode it as JPEG, and if asked for decode that again."""
    with Image.open(file) as image:
        pixels = Image.fromarray(np.asarray(image))
    stream = io.BytesIO()
    pixels.save(stream, format="jpeg", quality=QUALITY)
    if again:
        with Image.open(stream) as image:
            np.asarray(image)


def all_with_pillow(files: Sequence[Path], *, again: bool) -> None:
    """Do so with all files, by as many threads as the stages have."""
    for _ in each(partial(with_pillow, again=again), files):
        pass


def extraction(
    sets: Path | None, images: int = 400, repetitions: int = REPETITIONS
) -> list[Measurement]:
    """Measure ``extract``: reading, cutting and writing the bank and its tables."""
    rows = []
    with raw_set(sets, images) as (folder, raw):
        for stride in (10, SIZE):
            count = extracting(raw, folder / "out/patches", stride)
            seconds = by_turns(
                {"extract": partial(extracting, raw, folder / "out/patches", stride)},
                repetitions,
                folder / "out",
            )["extract"]
            rows.append(
                Measurement(
                    "extract",
                    f"size {SIZE}, stride {stride}",
                    "patches/s",
                    tuple(count / value for value in seconds),
                    PATCHES_PER_SECOND if stride == 10 else None,
                    f"{count} patches, {count_workers()} workers",
                )
            )
    return rows


def degrading_after_extracting(
    sets: Path | None, images: int = 400, repetitions: int = REPETITIONS
) -> list[Measurement]:
    """Measure ``extract`` and ``degrade`` against Pillow's decoding and encoding alone."""
    settings = {
        "JPEG": degradation(
            kind="jpeg", quality=QUALITY, subsampling="yuv420", phase="aligned", draws=1
        ),
        "bicubic": degradation(kind="bicubic", scale=2, quantise=False, result="interpolated"),
    }
    rows = []
    with raw_set(sets, images) as (folder, raw):
        files = sorted((raw / "clean").iterdir())
        for stride in (SIZE, 10):

            def both(kind: str, stride: int = stride) -> None:
                extracting(raw, folder / "out/patches", stride)
                degrading(folder / "out/patches", folder / "out/degraded", settings[kind])

            seconds = by_turns(
                {
                    "decode, encode": partial(all_with_pillow, files, again=False),
                    "decode, encode, decode": partial(all_with_pillow, files, again=True),
                    **{kind: partial(both, kind) for kind in settings},
                },
                repetitions,
                folder / "out",
            )
            for kind in settings:
                for reference in ("decode, encode", "decode, encode, decode"):
                    ratios = zip(seconds[kind], seconds[reference], strict=True)
                    rows.append(
                        Measurement(
                            "extract + degrade",
                            f"{kind}, stride {stride}, over Pillow's {reference}",
                            "times",
                            tuple(ours / theirs for ours, theirs in ratios),
                            TIMES_PILLOW if stride == SIZE else None,
                            f"seconds for each second of Pillow; {median(seconds[kind]):.3f} s "
                            f"and {median(seconds[reference]):.3f} s",
                        )
                    )
    return rows


def again(task: Callable[[], object], times: int) -> None:
    """Run a task several times."""
    for _ in range(times):
        task()


SHAPES = (
    (1200, 1600, 3, 600, 800),
    (1200, 1600, 1, 600, 800),
    (600, 800, 3, 1200, 1600),
    (1200, 1600, 3, 1080, 1440),
    (321, 481, 3, 107, 160),
    (SIDE, SIDE, 1, 90, 90),
    (90, 90, 1, SIDE, SIDE),
)
"""Height, width, channels, and the new height and width."""


def resampling(repetitions: int = REPETITIONS) -> list[Measurement]:
    """Measure bicubic resampling on one core, beside that of Pillow on 8 bits."""
    rows = []
    rng = np.random.default_rng(0)
    for height, width, channels, new_height, new_width in SHAPES:
        values: Bytes = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
        image, pixels = from_8bit(values), Image.fromarray(values.squeeze())
        times = max(1, 1_000_000 // max(height * width, new_height * new_width))

        tasks: dict[str, Callable[[], object]] = {
            "ours": partial(resize, image, new_height, new_width),
            "Pillow": partial(pixels.resize, (new_width, new_height), Image.Resampling.BICUBIC),
        }
        seconds = by_turns(
            {k: partial(again, task, times) for k, task in tasks.items()}, repetitions
        )
        megapixels = times * height * width / 1e6
        speeds = {k: tuple(megapixels / s for s in v) for k, v in seconds.items()}
        shape = f"{height}x{width}x{channels} to {new_height}x{new_width}"
        rows.append(Measurement("bicubic", shape, "MP/s", speeds["ours"], median(speeds["Pillow"])))
        rows.append(Measurement("bicubic", f"{shape}, Pillow, 8 bits", "MP/s", speeds["Pillow"]))
    return rows


def decoding(
    sets: Path | None, images: int = 400, repetitions: int = REPETITIONS
) -> list[Measurement]:
    """Measure reading alone, the limit of every data stage."""
    with raw_set(sets, images) as (_, raw):
        files = sorted((raw / "clean").iterdir())
        megapixels = sum(read_8bit(file).size for file in files) / 1e6

        def read_all() -> None:
            for _ in each(read_8bit, files):
                pass

        seconds = by_turns({"read": read_all}, repetitions)["read"]
    return [
        Measurement("decode", "PNG, gray", "MP/s", tuple(megapixels / value for value in seconds))
    ]


def measure(sets: Path | None, images: int) -> Iterator[Measurement]:
    """Yield all of it."""
    repetitions = REPETITIONS if images >= 100 else 1
    yield from decoding(sets, images, repetitions)
    yield from extraction(sets, images, repetitions)
    yield from degrading_after_extracting(sets, images, repetitions)
    yield from resampling(repetitions)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, nargs="?", help="folder with one folder a published set")
    parser.add_argument("--images", type=int, default=400, help="images to work on, at most")
    options = parser.parse_args()
    print_lines(measure(options.sets, options.images))


if __name__ == "__main__":
    main()
