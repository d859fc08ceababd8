"""What would stop the stage ``collect``, found before it runs: nothing is read or fetched."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.datasets.before_fetching import check_published
from pipeline.datasets.catalogue import read_catalogue
from pipeline.images.raw_images import DatasetError
from pipeline.recognition.collecting.reading import layout_of
from pipeline.recognition.collecting.reading.image_folders import image_paths
from pipeline.settings.tasks import Kind, Task

_FILES: Mapping[Kind, Sequence[str]] = {
    "cube": ("cube.npy", "labels.npy"),
    "features": ("image.npy", "text.npy", "labels.npy"),
}
"""Files that a folder of the user's own must have, by the kind of its task."""


def check_before_collecting(task: Task, root: Path, name: str) -> None:
    """Refuse labelled data that the stage ``collect`` would refuse before it reads any.

    Args:
        task: Its entry in ``params.yaml``.
        root: Folder of the project.
        name: Name of that entry, for messages.

    Raises:
        DatasetError: It says what is missing, or not accepted.
    """
    source = root / task.source
    if (source / "set.toml").is_file():
        catalogue = read_catalogue(source)
        layout_of(catalogue, task.kind, name)
        check_published(catalogue, root, name)
        return
    missing = [file for file in _FILES.get(task.kind, ()) if not (source / file).is_file()]
    if missing:
        raise DatasetError(
            f"task '{name}': expected {' and '.join(missing)} in {source}, there is no such file"
        )
    if task.kind == "images":
        for _ in image_paths(source):  # which finds faults on its way
            pass
