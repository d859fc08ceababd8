"""Kind ``skimage``: photographs that ship inside the scikit-image package."""

from pathlib import Path

from pipeline.datasets.catalogue import Package, read_catalogue
from pipeline.datasets.finding import FoundFile, Places, refusal
from pipeline.datasets.package_files import file_in_package, package_folder
from pipeline.nearest import nearest_known
from pipeline.settings.params import SkimageDataset

SCIKIT_IMAGE = Package(name="scikit-image", folder="skimage/data")


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
    return [
        FoundFile(
            image,
            entries[image].role,
            file_in_package(entries[image].file, SCIKIT_IMAGE, places.name),
        )
        for image in dataset.images
    ]


def package_data() -> Path:
    """Return the folder of pictures in the installed package, without importing it.

    Raises:
        DatasetError: The package is not installed.
    """
    return package_folder(SCIKIT_IMAGE)
