"""Where the weights of perceptual measures lie, known by their checksums; none are fetched here.

``perceptual_files.csv`` lists them. Backbones are what `restore data fetch` keeps, or what a mirror
folder has; heads ship with a package, whose code is never imported. The plan of a run and the
stages look by the same rule. Nothing here imports NumPy or torch.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Literal

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.tables import read_table
from pipeline.measuring.perceptual_measures import MEASURES
from pipeline.settings.perceptual import Perceptual

_TABLE = Path(__file__).with_name("perceptual_files.csv")

# The room that downloads is above this one, and editing it must not have images measured again.
_DOWNLOADS = Path("data") / "downloads"
_MIRROR_VARIABLE = "RESTORE_MIRROR"


@dataclass(frozen=True)
class WeightsFile:
    """A row of ``perceptual_files.csv``.

    Args:
        name: What the table of measures calls it.
        source: A published file that is downloaded, or one inside a Python package.
        place: In a mirror, SET/FILE with the name of a published set; or below the folder where
            packages are installed.
        bytes: Its size.
        sha256: Its checksum.
    """

    name: str
    source: Literal["download", "package"]
    place: str
    bytes: int
    sha256: str


class WeightsFileError(FileNotFoundError):
    """A measure lacks a file; the message says how to get it."""


def require_files(measures: Iterable[Perceptual], root: Path) -> None:
    """Refuse measures whose files are not at hand, as far as their sizes tell.

    Args:
        measures: Those that are asked for.
        root: Folder of the project.

    Raises:
        WeightsFileError: The message says what to install, or where to put a file.
    """
    for measure in measures:
        for name in _names(measure):
            _find(measure, name, root)


def checked_files(measure: Perceptual, root: Path) -> list[Path]:
    """Return the files of a measure, each held against its checksum: backbone, head; or none.

    Args:
        measure: Name of the measure.
        root: Folder of the project.

    Raises:
        WeightsFileError: One is not at hand, or is another one.
    """
    return [_checked(measure, name, root) for name in _names(measure)]


def _names(measure: Perceptual) -> tuple[str, ...]:
    network = MEASURES[measure].network
    return (network.backbone, network.head) if network else ()


def _checked(measure: Perceptual, name: str, root: Path) -> Path:
    file, path = _find(measure, name, root)
    found = sha256_of(path)
    if found != file.sha256:
        raise WeightsFileError(
            f"{measure} needs {file.place} with sha256 {file.sha256}, came {found} in {path}; "
            f"{_remedy(file)}"
        )
    return path


def _find(measure: Perceptual, name: str, root: Path) -> tuple[WeightsFile, Path]:
    (file,) = (row for row in read_table(_TABLE, WeightsFile) if row.name == name)
    others = []
    for path in _places(file, root):
        if path.is_file():
            if path.stat().st_size == file.bytes:
                return file, path
            others.append(f", came {path.stat().st_size} bytes in {path}")
    raise WeightsFileError(
        f"{measure} needs {file.place} ({file.bytes} bytes)"
        f"{''.join(others) or ', not found here'}; {_remedy(file)}"
    )


def _places(file: WeightsFile, root: Path) -> Iterator[Path]:
    if file.source == "package":
        found = find_spec(PurePosixPath(file.place).parts[0])
        if found is not None and found.origin is not None:
            yield Path(found.origin).parents[1] / file.place
        return
    yield root / _DOWNLOADS / f"{file.sha256}{PurePosixPath(file.place).suffix}"
    mirror = os.environ.get(_MIRROR_VARIABLE)
    if mirror:  # of a URL there is no such file
        yield root / mirror / file.place


def _remedy(file: WeightsFile) -> str:
    first = PurePosixPath(file.place).parts[0]
    if file.source == "package":
        return (
            f"it ships with {first}, which `pip install --constraint .ci/constraints.txt "
            "--editable '.[perceptual]'` installs in the project's folder"
        )
    return (
        f"`restore data fetch {first}` fetches it, or put it into a folder that "
        f"{_MIRROR_VARIABLE} names, under that name"
    )
