"""Files that people fetched themselves: those of a published set, or images of their own."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.datasets.cache import alone, cached, keep
from pipeline.datasets.catalogue import Catalogue, PublishedFile
from pipeline.datasets.checksum import difference
from pipeline.datasets.decoding import decode_all
from pipeline.datasets.files_below import files_below
from pipeline.datasets.finding import FoundFile
from pipeline.datasets.folders import images_in
from pipeline.datasets.obtaining import fault_of_content
from pipeline.datasets.recorded import record, with_recorded
from pipeline.datasets.storage import storage_faults


@dataclass(frozen=True)
class Adopted:
    """What a folder had of a published set.

    Args:
        new: Files that are now among the downloads, and what they were called.
        before: Files that were among the downloads already.
        missing: Files that the folder does not have.
    """

    new: Mapping[PublishedFile, Path]
    before: Sequence[PublishedFile]
    missing: Sequence[PublishedFile]


def adopt(catalogue: Catalogue, folder: Path, downloads: Path, checksums: Path) -> Adopted:
    """Keep the files of a published set that lie in a folder, whatever they are called.

    A file without any known checksum must have its own name and be whole; its checksum is
    recorded.

    Raises:
        StorageError: A file cannot be kept.
    """
    candidates = _by_size(folder)
    new: dict[PublishedFile, Path] = {}
    before, missing = [], []
    files = [with_recorded(file, checksums) for file in catalogue.files]
    with (
        storage_faults(downloads, catalogue.name, sum(file.size or 0 for file in files)),
        alone(files, downloads),
    ):
        for file in files:
            if cached(file, downloads):
                before.append(file)
            elif path := _find(file, candidates):
                kept = keep(path, file, downloads)
                record({file: kept}, checksums)
                new[file] = path
            else:
                missing.append(file)
    return Adopted(new, before, missing)


@dataclass(frozen=True)
class OwnImages:
    """What images are in a folder: how many of each size and colour, and their bytes."""

    sizes: Counter[tuple[int, int]]
    colours: Counter[str]
    bytes: int


def look_at(folder: Path, name: str) -> OwnImages:
    """Decode every image of a folder.

    Raises:
        DatasetError: There is none, or one of them cannot be used.
    """
    found = [FoundFile(image, "clean", path) for image, path in images_in(folder, name).items()]
    decoded = decode_all(found, name)
    return OwnImages(
        Counter((one.width, one.height) for one in decoded),
        Counter(one.colour for one in decoded),
        sum(one.file.path.stat().st_size for one in decoded),
    )


def _by_size(folder: Path) -> dict[int, list[Path]]:
    paths: dict[int, list[Path]] = defaultdict(list)
    # What cannot be looked into holds nothing that could be taken: what is missing is named later.
    for path in files_below(folder, lambda _: None, hidden=True):
        if path.is_file():
            paths[path.stat().st_size].append(path)
    return paths


def _find(file: PublishedFile, candidates: Mapping[int, Sequence[Path]]) -> Path | None:
    """Return the file of a folder that is the published one."""
    paths = (
        [path for same in candidates.values() for path in same]
        if file.size is None
        else candidates.get(file.size, [])
    )
    if not (file.sha256 or file.md5):
        name = PurePosixPath(file.file).name.lower()
        paths = [
            path
            for path in paths
            if path.name.lower() == name and fault_of_content(path, file) is None
        ]
    elif file.size is None:
        paths = [path for path in paths if path.suffix.lower() == file.suffix]
    return next((path for path in paths if difference(path, file) is None), None)
