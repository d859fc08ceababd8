"""What an entry of ``params.yaml`` would bring; nothing is fetched, no server is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.datasets.at_hand import RAW, at_hand, size_of, state_of
from pipeline.datasets.catalogue import read_catalogue
from pipeline.datasets.terms import ACCEPTED_TERMS, is_accepted
from pipeline.images.raw_images import TABLE, list_images
from pipeline.settings.params import (
    CatalogueDataset,
    Dataset,
    FolderDataset,
    PairedDataset,
    SkimageDataset,
)


@dataclass(frozen=True)
class DataSetFacts:
    """What is known of a data set.

    Args:
        title: One line for people.
        images: How many, or None if nobody counted.
        bytes: Of all its files; None while the size of one is unknown.
        licence: Its terms in a few words.
        must_accept: Whether somebody must still accept its terms.
        fetched: Whether nothing has to come over the network any more.
    """

    title: str
    images: int | None
    bytes: int | None
    licence: str
    must_accept: bool
    fetched: bool


def describe(dataset: Dataset, root: Path, name: str) -> DataSetFacts:
    """Return what is known of a data set before it is fetched.

    Args:
        dataset: Its entry in ``params.yaml``.
        root: Folder of the project.
        name: Name of that entry.

    Raises:
        DatasetError: Its catalogue cannot be read.
    """
    return _DESCRIBED[dataset.kind](dataset, root, name)


def describe_source(source: Path, root: Path, name: str) -> DataSetFacts:
    """Return what is known of the labelled data of a recognition task.

    Args:
        source: Catalogue of a published set, or the user's folder; relative to ``root``.
        root: Folder of the project.
        name: Name of the task.

    Raises:
        DatasetError: The catalogue cannot be read.
    """
    if not (root / source / "set.toml").is_file():
        return _describe_own(FolderDataset(kind="folder", source=str(source)), root, name)
    facts = _describe_published(CatalogueDataset(kind="catalogue", source=str(source)), root, name)
    packed = read_catalogue(root / source).package is not None
    return replace(facts, fetched=facts.fetched or packed)


def image_sizes(dataset: Dataset, root: Path, name: str) -> Sequence[tuple[int, int]] | None:
    """Return height and width of every clean image of a set, or None if nothing is known of them.

    Only the headers of the images are read. While a published set is elsewhere, all of its images
    are taken to have the size that its catalogue calls typical.

    Raises:
        DatasetError: The catalogue or the folder of the set cannot be used.
        ImageError: An image of it is none.
    """
    from pipeline.images.files import image_size  # NumPy and Pillow, which describing needs not

    raw = root / RAW / name
    if (raw / TABLE).is_file():
        return [image_size(image.clean) for image in list_images(raw)]
    paths = _CLEAN_IMAGES[dataset.kind](dataset, root, name)
    if paths is not None:
        return [image_size(path) for path in paths]
    catalogue = read_catalogue(root / dataset.source)
    return [catalogue.typical_size] * (catalogue.images or 0) if catalogue.typical_size else None


def _describe_published(dataset: CatalogueDataset, root: Path, name: str) -> DataSetFacts:
    catalogue = read_catalogue(root / dataset.source)
    here = state_of(catalogue, root) in {"fetched", "in mirror"}
    return DataSetFacts(
        title=catalogue.title,
        images=catalogue.images,
        bytes=size_of(catalogue, root),
        licence=catalogue.licence,
        must_accept=not is_accepted(catalogue, root / ACCEPTED_TERMS),
        fetched=here or (root / RAW / name / TABLE).is_file(),
    )


def _describe_photos(dataset: SkimageDataset, root: Path, _name: str) -> DataSetFacts:
    catalogue = read_catalogue(root / dataset.source)
    sizes = {entry.image: entry.file.size or 0 for entry in catalogue.entries}
    return DataSetFacts(
        title=catalogue.title,
        images=len(dataset.images),
        bytes=sum(sizes.get(image, 0) for image in dataset.images),
        licence=catalogue.licence,
        must_accept=False,
        fetched=True,
    )


def _describe_own(dataset: FolderDataset | PairedDataset, root: Path, _name: str) -> DataSetFacts:
    return DataSetFacts(
        title=f"your images in {dataset.source}",
        images=None,
        bytes=None,
        licence="your own",
        must_accept=False,
        fetched=(root / dataset.source).is_dir(),
    )


_DESCRIBED: Mapping[str, Callable[[Any, Path, str], DataSetFacts]] = {
    "skimage": _describe_photos,
    "catalogue": _describe_published,
    "folder": _describe_own,
    "paired": _describe_own,
}


# ---------------------------------------------------- clean images before they are fetched


def _published_images(dataset: CatalogueDataset, root: Path, _name: str) -> list[Path] | None:
    catalogue = read_catalogue(root / dataset.source)
    clean = [entry.file for entry in catalogue.entries if entry.role == "clean"]
    paths = [at_hand(file, root) for file in clean]
    found = [path for path in paths if path is not None]
    return found if found and len(found) == len(paths) else None


def _photos(dataset: SkimageDataset, root: Path, _name: str) -> list[Path]:
    from pipeline.datasets.skimage_photos import package_data

    entries = read_catalogue(root / dataset.source).entries
    return [package_data() / one.file.file for one in entries if one.image in dataset.images]


def _own_images(dataset: FolderDataset, root: Path, name: str) -> list[Path]:
    from pipeline.datasets.folders import images_in

    return list(images_in(root / dataset.source, name, tell=False).values())


def _own_clean_images(dataset: PairedDataset, root: Path, name: str) -> list[Path]:
    from pipeline.datasets.folders import images_in

    return list(images_in(root / dataset.source / dataset.clean, name, tell=False).values())


_CLEAN_IMAGES: Mapping[str, Callable[[Any, Path, str], list[Path] | None]] = {
    "skimage": _photos,
    "catalogue": _published_images,
    "folder": _own_images,
    "paired": _own_clean_images,
}
