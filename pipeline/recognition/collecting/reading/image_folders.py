"""Images of the user's own: a folder a class, or such folders for training and for tests."""

import logging
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.arrays.pixels import Bytes
from pipeline.images.files import SUFFIXES, ImageError, read_8bit
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples
from pipeline.running.workers import each

_TEXT = ".txt"
"""Ending of notes beside images, which stay out without a warning."""

_PARTS = ("train", "test")

_log = logging.getLogger(__name__)


def read(folder: Path) -> UnsplitSamples:
    """Return the images of ``FOLDER/CLASS``, by class and name, uint8.

    With ``FOLDER/train/CLASS`` and ``FOLDER/test/CLASS`` those in ``test`` are what the owner
    tests on. Hidden files and notes (``NAME.txt``) do not count.

    Raises:
        DatasetError: There are no such folders, or images differ in size or colour.
        ImageError: A file cannot be read as an image.
    """
    found = list(image_paths(folder))
    paths = [path for path, _, _ in found]
    classes = tuple(sorted({name for _, name, _ in found}))
    labels = np.array([classes.index(name) for _, name, _ in found], np.int16)
    test = np.array([part == "test" for _, _, part in found])
    return UnsplitSamples(classes, _read_alike(paths), labels, test if found[0][2] else None)


def image_paths(folder: Path) -> Iterator[tuple[Path, str, str | None]]:
    """Yield file, class and part (None without parts) of every image, in the order of ``read``.

    Raises:
        DatasetError: There are no such folders.
    """
    top = _subfolders(folder)
    names = [path.name for path in top]
    if set(names) == set(_PARTS):
        for part in _PARTS:
            for inner in _subfolders(folder / part):
                yield from ((path, _class_of(inner), part) for path in _images_in(inner))
        return
    if set(_PARTS) <= set(names):
        others = ", ".join(sorted(set(names) - set(_PARTS)))
        raise DatasetError(
            f"{folder}: expected folders train and test and no other, or a folder a class; came "
            f"{others} beside train and test"
        )
    for inner in top:
        yield from ((path, _class_of(inner), None) for path in _images_in(inner))


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DatasetError(f"expected a folder of images at {folder}, there is none")
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and not _is_hidden(path)]
    names = [_class_of(path) for path in found]
    unusable = [name for name in names if not name.isprintable() or names.count(name) > 1]
    if unusable:
        raise DatasetError(
            f"{folder}: expected folders with names that can be listed, each another one; came "
            f"{unusable[0]!a}"
        )
    if len(found) < 2:
        raise DatasetError(
            f"{folder}: expected a folder of images for each class, two or more; came "
            f"{', '.join(path.name for path in found) or 'none'}"
        )
    return found


def _images_in(folder: Path) -> list[Path]:
    inside = [path for path in sorted(folder.iterdir()) if not _is_hidden(path)]
    nested = [path.name for path in inside if path.is_dir()]
    if nested:
        raise DatasetError(
            f"{folder}: expected the images of one class, came a folder in it: {nested[0]}; "
            "FOLDER/train/CLASS and FOLDER/test/CLASS need no other folder beside train and test"
        )
    images = [path for path in inside if path.suffix.lower() in SUFFIXES]
    if not images:
        raise DatasetError(
            f"{folder}: expected images of one class, files that end in "
            f"{', '.join(sorted(SUFFIXES))}; came none"
        )
    others = [path.name for path in inside if path.suffix.lower() not in SUFFIXES | {_TEXT}]
    if others:
        _log.warning(
            "%s: %d file(s) such as %s are no images and stay out", folder, len(others), others[0]
        )
    return images


def _class_of(folder: Path) -> str:
    """Return the name of a class, the same however its accents are encoded."""
    return unicodedata.normalize("NFC", folder.name)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")


def _read_alike(paths: list[Path]) -> Bytes:
    """Return images of one size and colour, ``(N, H, W, C)``."""
    first = read_8bit(paths[0])
    values = np.empty((len(paths), *first.shape), np.uint8)
    for position, image in enumerate(each(_read, paths)):
        if isinstance(image, ImageError):
            raise image
        if image.shape != first.shape:
            raise DatasetError(
                f"{paths[position]}: expected {_described(first)} as {paths[0]}, came "
                f"{_described(image)}: images to recognise must be alike in size and colour"
            )
        values[position] = image
    return values


def _read(path: Path) -> Bytes | ImageError:
    try:
        return read_8bit(path)
    except ImageError as error:
        return error


def _described(image: Bytes) -> str:
    height, width, channels = image.shape
    return f"{width}x{height} pixels in {'gray' if channels == 1 else 'colour'}"
