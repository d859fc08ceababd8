"""Names of images in folders of the user's own, which become names of files everywhere."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.datasets.finding import refusal

_LONGEST = 240
"""Bytes of a name: a file system takes 255, endings and all."""


def images_by_name(folder: Path, paths: Iterable[Path], name: str) -> dict[str, Path]:
    """Return image files by the names of their images: ``a/b.png`` is the image ``a__b``.

    A name is the same however its accents are encoded (Unicode's form NFC), as on a Mac.

    Args:
        folder: Where the files were looked for.
        paths: The files, in that folder or below.
        name: Of the data set, for messages.

    Raises:
        DatasetError: Several files would have one name, or names that are one where upper and
            lower case are the same; or a name cannot be that of a file, or stand in a list.
    """
    named: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        joined = "__".join(path.relative_to(folder).with_suffix("").parts)
        named[unicodedata.normalize("NFC", joined)].append(path)
    _refuse_repeated(named, "that several files would have", name)
    unprintable = [repr(image) for image in named if not image.isprintable() or not image.strip()]
    if unprintable:
        raise refusal(name, f"file name(s) in {folder} that cannot be listed", unprintable)
    long = [
        f"{len(image.encode())} bytes: {paths[0]}"
        for image, paths in named.items()
        if len(image.encode()) > _LONGEST
    ]
    if long:
        what = f"image name(s) longer than {_LONGEST} bytes, with the folders above them"
        raise refusal(name, what, long)
    folded: dict[str, list[Path]] = defaultdict(list)
    for image, paths in named.items():
        folded[unicodedata.normalize("NFC", image.casefold())] += paths
    _refuse_repeated(folded, "that differ in upper and lower case alone, rename one of each", name)
    return {image: paths[0] for image, paths in named.items()}


def _refuse_repeated(named: Mapping[str, list[Path]], what: str, name: str) -> None:
    faults = [
        f"{image}: {' and '.join(_shown(paths))}"
        for image, paths in named.items()
        if len(paths) > 1
    ]
    if faults:
        raise refusal(name, f"image name(s) {what}", faults)


def _shown(paths: Iterable[Path]) -> list[str]:
    """Return paths as people tell them apart: two that look the same with the codes of letters."""
    texts = list(map(str, paths))
    alike = {unicodedata.normalize("NFC", text) for text in texts}
    return texts if len(alike) == len(texts) else [ascii(text) for text in texts]
