"""What would stop the stage ``download``, found before it runs: nothing is decoded or fetched."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.datasets.at_hand import CHECKSUMS, DOWNLOADS, at_hand
from pipeline.datasets.catalogue import Catalogue, read_catalogue, require_images
from pipeline.datasets.finding import Places
from pipeline.datasets.mirror import is_url, mirror_from_environment
from pipeline.datasets.package_files import file_in_package
from pipeline.datasets.terms import ACCEPTED_TERMS, require_acceptance
from pipeline.images.raw_images import DatasetError
from pipeline.settings.params import (
    CatalogueDataset,
    Dataset,
    FolderDataset,
    PairedDataset,
    SkimageDataset,
)


def check_before_fetching(dataset: Dataset, root: Path, name: str) -> None:
    """Refuse a data set that the stage ``download`` would refuse before it fetches anything.

    Args:
        dataset: Its entry in ``params.yaml``.
        root: Folder of the project.
        name: Name of that entry, for messages.

    Raises:
        DatasetError: The stage says when.
    """
    _CHECKS[dataset.kind](dataset, root, name)


def check_published(catalogue: Catalogue, root: Path, name: str) -> None:
    """Refuse a published set whose terms nobody accepted, or that no program can fetch.

    Args:
        catalogue: What it is.
        root: Folder of the project.
        name: Name of the entry of ``params.yaml`` that wants it, for messages.

    Raises:
        DatasetError: It says what to do.
    """
    require_acceptance(catalogue, root / ACCEPTED_TERMS)
    if catalogue.package:
        for file in catalogue.files:
            file_in_package(file, catalogue.package, name)
        return
    if is_url(mirror_from_environment() or ""):
        return  # it may have what has no address of its own
    by_hand = [file for file in catalogue.files if not file.urls and not at_hand(file, root)]
    if by_hand:
        shown = ", ".join(file.file for file in by_hand[:3]) + (", …" if len(by_hand) > 3 else "")
        raise DatasetError(
            f"data set '{name}': {len(by_hand)} file(s) that only a browser can fetch ({shown}); "
            f"see {catalogue.homepage}, then `restore data import FOLDER --as {catalogue.name}`"
        )


def _check_published_images(dataset: CatalogueDataset, root: Path, name: str) -> None:
    catalogue = read_catalogue(root / dataset.source)
    require_images(catalogue, name)
    check_published(catalogue, root, name)


def _check_photos(dataset: SkimageDataset, root: Path, name: str) -> None:
    from pipeline.datasets.skimage_photos import find_in_skimage

    find_in_skimage(dataset, _places(dataset, root, name))


def _check_folder(dataset: FolderDataset, root: Path, name: str) -> None:
    from pipeline.datasets.folders import find_in_folder

    find_in_folder(dataset, _places(dataset, root, name))


def _check_pairs(dataset: PairedDataset, root: Path, name: str) -> None:
    from pipeline.datasets.folders import find_pairs

    find_pairs(dataset, _places(dataset, root, name))


_CHECKS: Mapping[str, Callable[[Any, Path, str], None]] = {
    "skimage": _check_photos,
    "catalogue": _check_published_images,
    "folder": _check_folder,
    "paired": _check_pairs,
}


def _places(dataset: Dataset, root: Path, name: str) -> Places:
    return Places(
        name=name,
        source=root / dataset.source,
        downloads=root / DOWNLOADS,
        checksums=root / CHECKSUMS,
        accepted_terms=root / ACCEPTED_TERMS,
        scratch=root / DOWNLOADS,  # nothing is unpacked
        mirror=None,
        retry_after=(),
    )
