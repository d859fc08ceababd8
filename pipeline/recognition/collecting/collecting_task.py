"""The samples of a task, brought together from where they are and split: its clean input."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.catalogue import read_catalogue
from pipeline.datasets.downloads import RETRY_AFTER
from pipeline.datasets.finding import Places
from pipeline.datasets.obtaining import obtain
from pipeline.datasets.terms import ACCEPTED_TERMS
from pipeline.images.raw_images import DatasetError
from pipeline.nearest import nearest_known
from pipeline.recognition.collecting.doubles import count_doubles
from pipeline.recognition.collecting.reading import layout_of, read_own, read_published
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples
from pipeline.recognition.collecting.sample_faults import check_samples
from pipeline.recognition.collecting.splitting import Classes, split_samples
from pipeline.recognition.labelled.samples import UNLABELLED, Labelled, Part
from pipeline.settings.tasks import CubeTask, ImageTask, Task

_log = logging.getLogger(__name__)


def collect_task(
    task: Task,
    *,
    name: str,
    source: Path,
    downloads: Path,
    mirror: str | None,
    seed: int,
    accepted_terms: Path = ACCEPTED_TERMS,
    retry_after: Sequence[float] = RETRY_AFTER,
) -> Labelled:
    """Return the samples of a task, each in its part, and say what they are.

    A cube is scaled to [0, 1] by its own smallest and largest value, of all bands together and
    of all pixels, labelled or not: spectra keep their shape.

    Args:
        task: Its entry in ``params.yaml``.
        name: Name of that entry.
        source: Catalogue of a published set, or the user's folder.
        downloads: Folder where finished downloads are kept for the next time. Checksums that
            nobody published are recorded in the folder ``checksums`` beside it.
        mirror: Folder or URL that is tried before the publisher, or None.
        seed: Decides what is drawn at random.
        accepted_terms: Folder that notes whose terms were accepted.
        retry_after: Seconds to wait before each further round of requests for a file.

    Raises:
        DatasetError: Terms were not accepted, a file cannot be had or is not the expected one,
            or its samples cannot be learnt from or split as asked.
        ImageError: An image cannot be read.
        StorageError: Downloads cannot be written.
    """
    places = Places(
        name=name,
        source=source,
        downloads=downloads,
        checksums=downloads.with_name("checksums"),
        accepted_terms=accepted_terms,
        scratch=downloads,  # nothing is unpacked
        mirror=mirror,
        retry_after=retry_after,
    )
    samples = _read(task, places)
    if samples.note:
        _log.warning("task '%s': %s", name, samples.note)
    check_samples(samples, task.kind, name)
    if isinstance(task, CubeTask):
        samples = replace(_without(samples, task.ignore, name), values=_scaled(samples.values))
    if len(samples.classes) < 2:
        raise DatasetError(
            f"task '{name}': expected two classes or more to tell apart, came "
            f"{', '.join(samples.classes) or 'none'}"
        )
    parts = split_samples(
        Classes(name, samples.classes, samples.labels), task.split, seed, samples.test
    )
    labelled = Labelled(
        kind=task.kind,
        classes=samples.classes,
        values=samples.values,
        labels=samples.labels,
        parts=parts,
        image_features=samples.image_features,
        shift=task.shift if isinstance(task, ImageTask) else 0,
        mirror=task.mirror if isinstance(task, ImageTask) else False,
    )
    _log.info("task '%s': %s", name, summary(labelled))
    doubles = count_doubles(labelled)
    if doubles:
        _log.warning(
            "task '%s': %d of %d test samples are among those of training, too, equal in every "
            "value: scores are flattered; take one of each pair out of the data",
            name,
            doubles,
            len(labelled.positions(Part.TEST)),
        )
    return labelled


def summary(labelled: Labelled) -> str:
    """Return how many samples there are, of which classes, and in which parts."""
    counts = np.bincount(
        labelled.labels[labelled.labels != UNLABELLED], minlength=len(labelled.classes)
    )
    classes = ", ".join(
        f"{name} {count}" for name, count in zip(labelled.classes, counts, strict=True)
    )
    sizes = {part: len(labelled.positions(part)) for part in Part if part != Part.NONE}
    parts = [f"{part.name.lower()} {size}" for part, size in sizes.items()]
    words = [*parts, f"unused {labelled.samples - sum(sizes.values())}"]
    unlabelled = labelled.labels.size - labelled.samples
    if unlabelled:
        words.append(f"without a class {unlabelled}")
    return f"{labelled.samples} samples of {len(counts)} classes ({classes}): {', '.join(words)}"


def _read(task: Task, places: Places) -> UnsplitSamples:
    if (places.source / "set.toml").is_file():
        catalogue = read_catalogue(places.source)
        layout = layout_of(catalogue, task.kind, places.name)
        return read_published(catalogue, obtain(catalogue, places), layout)
    return read_own(places.source, task.kind)


def _without(samples: UnsplitSamples, ignored: Sequence[str], name: str) -> UnsplitSamples:
    """Return samples in which classes are left out: their labels are forgotten."""
    for unknown in set(ignored) - set(samples.classes):
        raise DatasetError(
            f"tasks.{name}.ignore: no class '{unknown}': {nearest_known(unknown, samples.classes)}"
        )
    kept = [label for label, known in enumerate(samples.classes) if known not in ignored]
    renumbered = np.full(len(samples.classes) + 1, UNLABELLED, np.int16)  # the last: no label
    renumbered[kept] = np.arange(len(kept))
    return replace(
        samples,
        classes=tuple(samples.classes[label] for label in kept),
        labels=renumbered[samples.labels],
    )


def _scaled(cube: NDArray[np.float32]) -> NDArray[np.float32]:
    lowest, highest = cube.min(), cube.max()
    scaled: NDArray[np.float32] = (cube - lowest) / (highest - lowest)
    return scaled
