"""Faults of labelled data that would spoil a training, found before there is one."""

import numpy as np

from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples
from pipeline.recognition.labelled.samples import UNLABELLED
from pipeline.settings.tasks import Kind


def check_samples(samples: UnsplitSamples, kind: Kind, name: str) -> None:
    """Refuse samples that nothing can be learnt from.

    Args:
        samples: Those of a task, a cube still in the units of its file.
        kind: Of the task.
        name: Name of the task, for messages.

    Raises:
        DatasetError: There is no label, there are not as many labels as samples, or values are
            no numbers; for a cube the message names the bands.
    """
    values, labels = samples.values, samples.labels
    axes = 2 if kind == "cube" else 1
    if labels.shape != values.shape[:axes]:
        raise DatasetError(
            f"task '{name}': expected a label for each of {_size(values.shape[:axes])} "
            f"{'pixels of the cube' if kind == 'cube' else 'samples'}, came {_size(labels.shape)}"
        )
    if not (labels != UNLABELLED).any():
        raise DatasetError(f"task '{name}': expected labelled samples, but none has a label")
    if kind != "images":
        _require_numbers(samples, "bands" if kind == "cube" else "features", name)


def _require_numbers(samples: UnsplitSamples, what: str, name: str) -> None:
    """Refuse NaN and infinity, which a float32 of something too large becomes as well."""
    columns = samples.values.reshape(-1, samples.values.shape[-1])
    bad = [number for number, column in enumerate(columns.T) if not np.isfinite(column).all()]
    if bad:
        shown = ", ".join(map(str, bad[:10])) + (", …" if len(bad) > 10 else "")
        raise DatasetError(
            f"task '{name}': expected numbers, came NaN or infinity in {len(bad)} of "
            f"{columns.shape[1]} {what}, counted from 0: {shown}; take them out or repair them"
        )
    lowest, highest = samples.values.min(), samples.values.max()
    if lowest == highest:
        raise DatasetError(f"task '{name}': expected values that differ, all are {lowest}")


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
