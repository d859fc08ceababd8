"""Take in what another program restored of a benchmark: all of it, or a list of what is wrong."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.arrays.file_checksum import sha256_of
from pipeline.degradations.result_files import file_name
from pipeline.degradations.settings import NOISE
from pipeline.exchange.outside.realisation import CERTAIN, trace_of_noise
from pipeline.exchange.outside.result_files import ResultError, ResultFile, read_result
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.nearest import first_of

_SHOWN = 12
"""Faults that a message lists; the others are counted."""

_ENOUGH = 1000
"""Values of an image, so that what is left of its noise stands out from chance."""


class OutsideError(ValueError):
    """Results cannot be measured; the message lists all that is wrong with them."""


@dataclass(frozen=True)
class TakenIn:
    """One restored image.

    Args:
        image: Which test image it is.
        file: Where it was.
        result: What it holds.
    """

    image: BenchmarkImage
    file: Path
    result: ResultFile


def files_of(folder: Path, files: str, images: Sequence[BenchmarkImage]) -> list[Path]:
    """Return the file of every image, in their order.

    Args:
        folder: Where the files are.
        files: The pattern of their paths in it.
        images: The test images.

    Raises:
        OutsideError: Two images would have one file, files are missing, or the folder is.
    """
    if not folder.is_dir():
        raise OutsideError(f"{folder}: expected a folder of restored images, there is none")
    try:
        paths = [
            folder / file_name(files, one.trial.dataset, one.level, one.name) for one in images
        ]
    except ValueError as error:
        raise OutsideError(str(error)) from error
    shared = [file for file, count in Counter(paths).items() if count > 1]
    if shared:
        raise OutsideError(
            f"'{files}' gives several images one file ({first_of(shared, _SHOWN)}): put "
            "{data_set} and {level} into it"
        )
    missing = [file for file in paths if not file.is_file()]
    if missing:
        there = sorted(file for file in folder.rglob("*") if file.is_file())
        raise OutsideError(
            f"{folder}: {len(missing)} of {len(paths)} restored images are missing: "
            f"{first_of(missing, _SHOWN)}; the folder has {len(there)} files"
            + (f", such as {first_of(there[:3], _SHOWN)}" if there else "")
        )
    return paths


def take_in(folder: Path, files: str, images: Sequence[BenchmarkImage]) -> Iterator[TakenIn]:
    """Yield all restored images, and raise at the end if any was wrong.

    Args:
        folder: Where they are.
        files: The pattern of their paths in it.
        images: The test images.

    Raises:
        OutsideError: Files are missing, or hold something else than the restored version of
            their image, or were restored from other noise.
    """
    faults: list[str] = []
    strangers: list[str] = []
    for image, file in zip(images, files_of(folder, files, images), strict=True):
        clean = image.clean()
        try:
            result = read_result(file, clean.shape)
        except (ResultError, OSError) as error:
            faults.append(f"{file}: {error}")
            continue
        if isinstance(image.level.settings, NOISE) and clean.size >= _ENOUGH:
            trace = trace_of_noise(clean, image.degraded(), result.pixels)
            if trace < CERTAIN:
                strangers.append(f"{file} ({trace:+.1f} standard deviations)")
        yield TakenIn(image, file, result)
    if faults:
        raise OutsideError(_listed(f"{len(faults)} restored images cannot be measured", faults))
    if strangers:
        raise OutsideError(
            _listed(
                f"{len(strangers)} images have no trace of the noise of their test images, so they "
                "were restored from another draw of it, and would be compared unfairly; "
                f"`restore export-benchmark {images[0].folder.name}` writes those to restore",
                strangers,
            )
        )


def digest_of_results(files: Sequence[Path]) -> str:
    """Return one checksum of all files together, in the order that they have."""
    return hashlib.sha256("".join(sha256_of(file) for file in files).encode()).hexdigest()


def _listed(headline: str, lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n  ".join([f"{headline}:", *lines[:_SHOWN], *more])
