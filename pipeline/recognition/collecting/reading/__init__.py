"""Readers of labelled data: one layout of files a module, and the tables that name them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.datasets.catalogue import Catalogue, PublishedFile
from pipeline.images.raw_images import DatasetError
from pipeline.nearest import nearest_known
from pipeline.recognition.collecting.reading import (
    abundances,
    cifar_batches,
    cifar_sheets,
    cube_folder,
    digits_table,
    dscmr,
    feature_folder,
    image_folders,
    lfw_stack,
    matlab_scene,
)
from pipeline.recognition.collecting.reading.unsplit_samples import UnsplitSamples
from pipeline.settings.tasks import Kind


class Layout(NamedTuple):
    """What files hold, and how they are read: by their names, with the names of the classes."""

    kind: Kind
    read: Callable[[Mapping[str, Path], tuple[str, ...]], UnsplitSamples]


LAYOUTS: Mapping[str, Layout] = {
    "abundances": Layout("cube", abundances.read),
    "cifar_batches": Layout("images", cifar_batches.read),
    "cifar_sheets": Layout("images", cifar_sheets.read),
    "digits_table": Layout("images", digits_table.read),
    "dscmr": Layout("features", dscmr.read),
    "lfw_stack": Layout("images", lfw_stack.read),
    "matlab_scene": Layout("cube", matlab_scene.read),
}
"""The layouts of published sets, by ``layout`` in ``set.toml``."""

OWN: Mapping[Kind, Callable[[Path], UnsplitSamples]] = {
    "images": image_folders.read,
    "cube": cube_folder.read,
    "features": feature_folder.read,
}
"""How a folder of the user's own is read."""


def layout_of(catalogue: Catalogue, kind: Kind, name: str) -> Layout:
    """Return how a published set is read, before anything of it is fetched.

    Args:
        catalogue: What it is.
        kind: What the task expects.
        name: Name of the task, for messages.

    Raises:
        DatasetError: It has no labels, is of another kind, or names an unknown layout.
    """
    if catalogue.layout is None:
        raise DatasetError(
            f"tasks.{name}.source: expected a published set with labels, came '{catalogue.name}', "
            f"{catalogue.title}"
        )
    if catalogue.layout not in LAYOUTS:
        raise DatasetError(
            f"{catalogue.name}/set.toml: layout: unknown '{catalogue.layout}': "
            f"{nearest_known(catalogue.layout, LAYOUTS)}"
        )
    layout = LAYOUTS[catalogue.layout]
    if layout.kind != kind:
        raise DatasetError(
            f"tasks.{name}.kind: expected '{layout.kind}', what '{catalogue.name}' holds; "
            f"came '{kind}'"
        )
    return layout


def read_published(
    catalogue: Catalogue, at: Mapping[PublishedFile, Path], layout: Layout
) -> UnsplitSamples:
    """Read a published set.

    Args:
        catalogue: What it is.
        at: Where its files are.
        layout: How it is read.

    Raises:
        DatasetError: A file is not as its layout says.
        ImageError: An image cannot be read.
    """
    files = {entry.image: at[entry.file] for entry in catalogue.entries}
    files |= {archive.file.file: at[archive.file] for archive in catalogue.archives}
    return layout.read(files, catalogue.classes)


def read_own(folder: Path, kind: Kind) -> UnsplitSamples:
    """Read a folder of the user's own.

    Raises:
        DatasetError: It holds something else.
        ImageError: An image cannot be read.
    """
    return OWN[kind](folder)
