"""The weights of perceptual measures: where they are looked for, and what is said without them."""

import sys
from pathlib import Path

import pytest

from pipeline.arrays.tables import read_table
from pipeline.datasets.at_hand import DOWNLOADS
from pipeline.datasets.cache import place
from pipeline.datasets.catalogue import read_catalogue
from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.measuring.perceptual_files import (
    WeightsFile,
    WeightsFileError,
    checked_files,
    require_files,
)
from tests.project import ROOT
from tests.unit.image_sets import CATALOGUES

FILES = {
    row.name: row
    for row in read_table(ROOT / "pipeline/measuring/perceptual_files.csv", WeightsFile)
}
ALEXNET = FILES["alexnet"]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a mirror without any file, in a project without any."""
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path / "mirror"))
    return tmp_path / "mirror"


def write_other(path: Path, size: int) -> None:
    """Write a file of zeros, which takes no room on the disk."""
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_a_backbone_is_what_the_catalogue_fetches(name: str) -> None:
    wanted = FILES[name]

    (file,) = read_catalogue(CATALOGUES / wanted.place.split("/")[0]).files

    assert (file.in_mirror, file.size, file.sha256) == (wanted.place, wanted.bytes, wanted.sha256)
    # Their publisher puts the first digits of the checksum into the name.
    assert file.file.endswith(f"-{wanted.sha256[:8]}.pth")


def test_a_measure_without_a_network_needs_no_file(tmp_path: Path) -> None:
    require_files(["niqe"], tmp_path)

    assert checked_files("niqe", tmp_path) == []


def test_a_backbone_that_is_nowhere_is_said_with_what_fetches_it(
    mirror: Path, tmp_path: Path
) -> None:
    assert not mirror.exists()

    with pytest.raises(
        WeightsFileError,
        match=r"^dists needs imagenet_vgg16/vgg16-397923af\.pth \(553433881 bytes\)",
    ) as found:
        require_files(["niqe", "dists"], tmp_path)

    assert "`restore data fetch imagenet_vgg16` fetches it" in str(found.value)
    assert MIRROR_VARIABLE in str(found.value)


def test_a_backbone_of_another_size_is_said_before_anything_runs(
    mirror: Path, tmp_path: Path
) -> None:
    write_other(mirror / ALEXNET.place, 7)

    with pytest.raises(WeightsFileError, match=r"244408911 bytes\), came 7 bytes in .*alexnet-owt"):
        require_files(["lpips-alex"], tmp_path)


def test_a_backbone_of_another_content_is_said_by_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    (alexnet,) = read_catalogue(CATALOGUES / "imagenet_alexnet").files
    fetched = place(alexnet, tmp_path / DOWNLOADS)
    assert fetched is not None
    write_other(fetched, ALEXNET.bytes)

    with pytest.raises(WeightsFileError, match=f"sha256 {ALEXNET.sha256}, came .* in {fetched}"):
        checked_files("lpips-alex", tmp_path)


def test_a_head_that_is_not_installed_is_said_with_the_extra(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_other(mirror / ALEXNET.place, ALEXNET.bytes)
    monkeypatch.setitem(sys.modules, "torchmetrics", None)

    with pytest.raises(
        WeightsFileError, match=r"^lpips-alex needs torchmetrics/.*/alex\.pth"
    ) as said:
        require_files(["lpips-alex"], tmp_path)

    assert "--editable '.[perceptual]'` installs" in str(said.value)
