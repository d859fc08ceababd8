"""Kind ``skimage``: photographs that ship inside the scikit-image package."""

import importlib.metadata
import importlib.util
from pathlib import Path

from pipeline.datasets.catalogue import read_catalogue
from pipeline.datasets.checksum import difference
from pipeline.datasets.finding import FoundFile, Places, refusal
from pipeline.nearest import nearest_known
from pipeline.params import SkimageDataset
from pipeline.raw_images import DatasetError


def find_in_skimage(dataset: SkimageDataset, places: Places) -> list[FoundFile]:
    """Return the named photographs of the installed package.

    Raises:
        DatasetError: One is not in the catalogue, not in the package, or another than listed.
    """
    entries = {entry.image: entry for entry in read_catalogue(places.source).entries}
    unknown = [
        f"{image}: {nearest_known(image, entries)}"
        for image in dataset.images
        if image not in entries
    ]
    if unknown:
        raise refusal(places.name, f"image(s) that {places.source} does not list", unknown)
    folder = package_data()
    found = []
    for image in dataset.images:
        entry = entries[image]
        path = folder / entry.file.file
        fault = difference(path, entry.file) if path.is_file() else "no such file"
        if fault:
            version = importlib.metadata.version("scikit-image")
            raise DatasetError(
                f"data set '{places.name}': {path} of scikit-image {version}: {fault}; "
                "reinstall scikit-image in a version that this project admits, from its wheel"
            )
        found.append(FoundFile(image, entry.role, path))
    return found


def package_data() -> Path:
    """Return the folder of pictures in the installed package, without importing it.

    Raises:
        DatasetError: The package is not installed.
    """
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise DatasetError(
            "scikit-image is not installed; install the project with its dependencies"
        )
    return Path(package.origin).parent / "data"
