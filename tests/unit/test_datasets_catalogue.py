import hashlib
from pathlib import Path

import pytest

from pipeline.datasets.catalogue import read_catalogue
from pipeline.raw_images import DatasetError
from tests.unit.image_sets import CATALOGUES, PUBLISHED, real_mirror


@pytest.mark.parametrize("name", [*PUBLISHED, "skimage"])
def test_shipped_catalogue_is_well_formed(name: str) -> None:
    entries = read_catalogue(CATALOGUES / f"{name}.csv")

    assert entries == sorted(entries)
    assert len({entry.file for entry in entries}) == len(entries)


@pytest.mark.parametrize("name", ["polyu_crops", "cc15", "nam25"])
def test_every_real_photograph_has_both_partners(name: str) -> None:
    roles: dict[str, set[str]] = {}
    for entry in read_catalogue(CATALOGUES / f"{name}.csv"):
        roles.setdefault(entry.image, set()).add(entry.role)

    assert set(map(frozenset, roles.values())) == {frozenset({"clean", "degraded"})}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("a,cleen,a.png,1," + "0" * 64, "line 2: role: expected one of clean, degraded"),
        ("a,clean,a.png,many," + "0" * 64, "line 2: bytes: expected a number, came 'many'"),
        ("a,clean,a.png,1,abc", "line 2: sha256: expected 64"),
        ("a,clean,../a.png,1," + "0" * 64, "line 2: file: expected a path inside"),
        ("a,clean,/a.png,1," + "0" * 64, "line 2: file: expected a path inside"),
        ("../a,clean,a.png,1," + "0" * 64, "line 2: image: expected a name without folders"),
        ("a,clean,a.png", "line 2: too few columns"),
        ("a,degraded,a.png,1," + "0" * 64, "a is degraded, but has no clean partner"),
        (f"a,clean,a.png,1,{'0' * 64}\na,clean,b.png,1,{'0' * 64}", "a has 2 rows as clean"),
    ],
)
def test_wrong_row_of_a_catalogue_is_named(tmp_path: Path, row: str, fault: str) -> None:
    path = tmp_path / "set.csv"
    path.write_text(f"image,role,file,bytes,sha256\n{row}\n")

    with pytest.raises(DatasetError, match=fault):
        read_catalogue(path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "No such file"),
        ("", "column.* are missing"),
        ("image,role,file,bytes\n", r"\['sha256'\] are missing"),
        ("image,role,file,bytes,sha256\n", "lists no file"),
    ],
)
def test_file_that_is_no_catalogue_is_named(tmp_path: Path, text: str | None, fault: str) -> None:
    path = tmp_path / "set.csv"
    if text is not None:
        path.write_text(text)

    with pytest.raises(DatasetError, match=rf"set\.csv: expected a catalogue, but .*{fault}"):
        read_catalogue(path)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_are_the_catalogued_ones(name: str) -> None:
    folder = real_mirror() / name
    entries = read_catalogue(CATALOGUES / f"{name}.csv")

    digests = [hashlib.sha256((folder / entry.file).read_bytes()).hexdigest() for entry in entries]

    assert digests == [entry.sha256 for entry in entries]
    assert [(folder / entry.file).stat().st_size for entry in entries] == [
        entry.size for entry in entries
    ]
