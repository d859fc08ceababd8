"""Kind ``catalogue``: the images of a published data set, in single files or in archives."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.datasets.archives import unpack
from pipeline.datasets.catalogue import Archive, Catalogue, read_catalogue, require_images
from pipeline.datasets.finding import FoundFile, Places, refusal
from pipeline.datasets.matlab_blocks import unpack_blocks
from pipeline.datasets.obtaining import obtain
from pipeline.datasets.storage import storage_faults
from pipeline.images.raw_images import ROLES
from pipeline.settings.params import CatalogueDataset


def find_published(_dataset: CatalogueDataset, places: Places) -> list[FoundFile]:
    """Return all images of a published set, each from a file with the right checksum.

    Raises:
        DatasetError: The set has no images, its terms were not accepted, a file cannot be had
            from any place, or an archive does not hold what it should.
        StorageError: Downloads cannot be written.
    """
    catalogue = read_catalogue(places.source)
    require_images(catalogue, places.name)
    at = obtain(catalogue, places)
    found = [FoundFile(entry.image, entry.role, at[entry.file]) for entry in catalogue.entries]
    for archive in catalogue.archives:
        with storage_faults(places.scratch, places.name, archive.file.size or 0):
            found += _unpack(archive, at[archive.file], places.scratch)
    found = [file for file in found if file.image not in catalogue.exclude]
    _check_completeness(catalogue, found, places.name)
    return found


def _unpack(archive: Archive, path: Path, out: Path) -> list[FoundFile]:
    if archive.file.suffix == ".mat":
        return unpack_blocks(path, archive.members, out)
    return unpack(path, archive.members, out)


def _check_completeness(catalogue: Catalogue, found: Sequence[FoundFile], name: str) -> None:
    """Refuse archives that lack members: how many images there are is in the catalogue."""
    images = {role: {file.image for file in found if file.role == role} for role in ROLES}
    faults = []
    if len(images["clean"]) != catalogue.images:
        faults.append(f"expected {catalogue.images} images, found {len(images['clean'])}")
    if catalogue.content == "pairs":
        lonely = sorted(images["clean"] ^ images["degraded"])
        faults += [f"image '{image}' has no partner" for image in lonely]
    if faults:
        archives = ", ".join(archive.file.file for archive in catalogue.archives)
        raise refusal(name, f"fault(s) in what {archives} holds", faults)
