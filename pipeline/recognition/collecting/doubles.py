"""Samples that a task tests on and has been taught as well, because they are in its data twice."""

from hashlib import blake2b

import numpy as np

from pipeline.recognition.labelled.samples import Labelled, Part

_TAUGHT = (Part.TRAIN, Part.VALIDATION)


def count_doubles(labelled: Labelled) -> int:
    """Return how many test samples are trained on or chosen by as well, equal in every value.

    Args:
        labelled: Images, or pairs of features, each in its part; of a cube, each of whose pixels is
            there once, none.
    """
    if labelled.kind == "cube":
        return 0
    taught = {_digest(labelled, at) for part in _TAUGHT for at in labelled.positions(part)}
    return sum(_digest(labelled, at) in taught for at in labelled.positions(Part.TEST))


def _digest(labelled: Labelled, position: np.int64) -> bytes:
    # Of a fixed length: the samples themselves may fill the memory.
    return blake2b(labelled.values[position].tobytes(), digest_size=16).digest()
