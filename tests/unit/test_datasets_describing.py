import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.catalogue import read_catalogue
from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.datasets.set_facts import DataSetFacts, describe, image_sizes
from pipeline.datasets.terms import ACCEPT_VARIABLE
from pipeline.settings.params import CatalogueDataset, FolderDataset, PairedDataset, SkimageDataset
from tests.conftest import ROOT
from tests.unit.image_sets import CATALOGUES, SKIMAGE, FilesSet, fetch_folder, write_image


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (MIRROR_VARIABLE, ACCEPT_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


def published(name: str, root: Path) -> DataSetFacts:
    """Describe a shipped set in a project that has nothing yet."""
    source = str(CATALOGUES / name)
    return describe(CatalogueDataset(kind="catalogue", source=source), root, name)


def test_published_set_is_described_from_its_catalogue(tmp_path: Path) -> None:
    facts = published("polyu_crops", tmp_path)

    assert (facts.images, facts.bytes) == (100, 4688609)
    assert "PolyU" in facts.title
    assert (facts.must_accept, facts.fetched) == (True, False)


def test_size_that_nobody_published_is_unknown(tmp_path: Path) -> None:
    assert published("kodak24", tmp_path).bytes is None
    assert published("kodak24", tmp_path).images == 24
    assert published("indian_pines", tmp_path).images is None


def test_set_in_a_mirror_needs_no_network(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, str(real_data))

    assert published("train291", tmp_path).fetched
    assert not published("div2k_train", tmp_path).fetched


def test_accepted_terms_need_not_be_accepted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ACCEPT_VARIABLE, "polyu_crops")

    assert not published("polyu_crops", tmp_path).must_accept


def test_downloaded_set_is_known_to_be_there(
    tmp_path: Path, files_set: FilesSet, serve: Any
) -> None:
    files_set.list([("one", "clean", "one.png")], checksums=False)
    files_set.downloads = tmp_path / "data" / "downloads"
    settings = CatalogueDataset(kind="catalogue", source=str(files_set.catalogue))
    before = describe(settings, tmp_path, "two")

    files_set.fetch(f"{serve(files_set.web()).url}/base")

    after = describe(settings, tmp_path, "two")
    assert (before.fetched, before.bytes) == (False, None)
    assert (after.fetched, after.bytes) == (True, len(files_set.one))


def test_photographs_of_the_package_are_there(tmp_path: Path) -> None:
    photos = SkimageDataset(kind="skimage", source=str(SKIMAGE), images=["camera", "coins"])

    facts = describe(photos, tmp_path, "photos")

    sizes = {entry.image: entry.file.size or 0 for entry in read_catalogue(SKIMAGE).entries}
    assert (facts.images, facts.fetched, facts.must_accept) == (2, True, False)
    assert facts.bytes == sizes["camera"] + sizes["coins"]


def test_own_folder_is_there_or_not(tmp_path: Path) -> None:
    mine = FolderDataset(kind="folder", source="mine")
    assert not describe(mine, tmp_path, "holiday").fetched

    write_image(tmp_path / "mine" / "a.png")

    assert describe(mine, tmp_path, "holiday").fetched


def test_sizes_of_own_images_are_known_before_and_after_they_are_copied(tmp_path: Path) -> None:
    mine = FolderDataset(kind="folder", source="mine")
    write_image(tmp_path / "mine" / "a.png", (24, 20))
    write_image(tmp_path / "mine" / "b.png", (9, 8))
    before = image_sizes(mine, tmp_path, "holiday")

    fetch_folder(tmp_path / "mine", tmp_path / "data" / "raw" / "holiday")
    shutil.rmtree(tmp_path / "mine")

    assert before == image_sizes(mine, tmp_path, "holiday") == [(20, 24), (8, 9)]


def test_sizes_of_clean_partners_are_told(tmp_path: Path) -> None:
    pairs = PairedDataset(kind="paired", source="mine", clean="gt", degraded="noisy")
    write_image(tmp_path / "mine" / "gt" / "a.png", (24, 20))
    write_image(tmp_path / "mine" / "noisy" / "a.png", (24, 20))

    assert image_sizes(pairs, tmp_path, "holiday") == [(20, 24)]


def test_sizes_of_photographs_of_the_package_are_told(tmp_path: Path) -> None:
    photos = SkimageDataset(kind="skimage", source=str(SKIMAGE), images=["camera"])

    assert image_sizes(photos, tmp_path, "photos") == [(512, 512)]


def test_sizes_of_a_published_set_are_guessed_until_a_mirror_has_it(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set12 = CatalogueDataset(kind="catalogue", source=str(CATALOGUES / "set12"))
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    typical = read_catalogue(CATALOGUES / "set12").typical_size
    assert image_sizes(set12, tmp_path, "set12") == [typical] * 12

    monkeypatch.setenv(MIRROR_VARIABLE, str(real_data))

    assert image_sizes(set12, tmp_path, "set12") == [(256, 256)] * 7 + [(512, 512)] * 5


@pytest.mark.parametrize("module", ["pipeline.datasets.set_facts", "pipeline.commands.data"])
def test_description_loads_without_heavy_libraries(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert not {"numpy", "torch", "requests", "scipy", "PIL", "skimage"} & set(loaded.split())
