"""Captions: sentences beside images of the user's own, and the features of such texts.

Retrieval learns from pairs of an image and a text. What a text says is given here by its words
alone, without their order; the features of the images come from a network.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.images import Array
from pipeline.raw_images import DatasetError
from pipeline.recognition.reading.image_folders import CAPTION, image_paths

_FILE = "captions.json"


def find_captions(folder: Path) -> list[str] | None:
    """Return the caption of each image in a folder of the user's own, in the order of its reader.

    The caption of ``CLASS/NAME.png`` is ``CLASS/NAME.txt``.

    Returns:
        One text an image; None where no image has one.

    Raises:
        DatasetError: Some images have one and others none, or a file has no text in it.
    """
    files = [path.with_suffix(CAPTION) for path, _, _ in image_paths(folder)]
    missing = [path for path in files if not path.is_file()]
    if len(missing) == len(files):
        return None
    if missing:
        raise DatasetError(
            f"{missing[0]}: expected a caption beside every image or beside none, there is none "
            f"beside {len(missing)} of {len(files)} images"
        )
    return [_read(path) for path in files]


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected a caption in UTF-8, but {error}") from error
    if not text:
        raise DatasetError(f"{path}: expected a caption, came an empty file")
    return text


def write_captions(folder: Path, captions: Sequence[str]) -> None:
    """Write captions beside the labelled data of a folder, in the order of the samples."""
    text = json.dumps(list(captions), indent=0, ensure_ascii=False)
    (folder / _FILE).write_text(f"{text}\n", encoding="utf-8")


def read_captions(folder: Path) -> list[str]:
    """Read what ``write_captions`` wrote.

    Raises:
        DatasetError: The images of the folder have no captions.
    """
    try:
        captions: list[str] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DatasetError(
            f"{folder}: expected images with captions, a file NAME{CAPTION} beside each image of "
            "the task's folder; there are none"
        ) from error
    return captions


def caption_features(texts: Sequence[str], train: NDArray[np.bool_], length: int) -> Array:
    """Return a hashed bag of words of each text.

    The words of a text, lower-case, of two letters or more, are counted in ``length`` cells that
    a hash of the word names; a cell counts the more, the fewer texts of the training part have
    a word in it (smoothed inverse document frequency); and each text is brought to length 1.
    No vocabulary is kept, so that a word which only tests have changes no other feature.

    Args:
        texts: One a sample.
        train: ``(N,)``, true where a sample trains.
        length: How many features; words share cells when it is short.

    Returns:
        ``(N, length)``, float32, 0 or above; zeros for a text without a word.
    """
    # A second that other tasks need not wait.
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    counts = HashingVectorizer(n_features=length, alternate_sign=False, norm=None).transform(texts)
    weighting = TfidfTransformer().fit(counts[np.flatnonzero(train)])
    features: Array = weighting.transform(counts).toarray().astype(np.float32)
    return features
