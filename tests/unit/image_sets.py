"""Small data sets for tests, and how they are fetched."""

import csv
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.datasets import fetch_dataset
from pipeline.datasets.mirror import MIRROR_VARIABLE
from pipeline.params import Dataset, FilesDataset, FolderDataset, PairedDataset, SkimageDataset
from tests.project import ROOT

CATALOGUES = ROOT / "pipeline" / "catalogue"
SKIMAGE = CATALOGUES / "skimage.csv"
PUBLISHED = sorted(path.stem for path in CATALOGUES.glob("*.csv") if path != SKIMAGE)


def write_image(path: Path, size: tuple[int, int] = (24, 20), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(Image.new(mode, (1, 1)).getbands())
    seed = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4])
    shape = (size[1], size[0], channels)
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.frombytes(mode, size, values.tobytes()).save(path)
    return path


def write_catalogue(path: Path, folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    """List files of ``folder``, given as image, role and file."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "role", "file", "bytes", "sha256", "path"])
        for image, role, file in rows:
            content = (folder / file).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            writer.writerow([image, role, file, len(content), digest, f"some where/{file}"])
    return path


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


class FilesSet:
    """A published set of two images, its catalogue, and a folder that holds its files."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "raw" / "two"
        self.downloads = folder / "downloads"
        self.mirror = folder / "mirror"
        files = self.mirror / "pair"
        write_image(files / "one.png")
        write_image(files / "sub #2" / "two.png")
        rows = [("one", "clean", "one.png"), ("two", "clean", "sub #2/two.png")]
        self.catalogue = write_catalogue(folder / "pair.csv", files, rows)
        self.one = (files / "one.png").read_bytes()
        self.two = (files / "sub #2" / "two.png").read_bytes()

    def web(self) -> dict[str, Any]:
        return {
            "/base/some%20where/one.png": self.one,
            "/base/some%20where/sub%20%232/two.png": self.two,
        }

    def fetch(
        self, base_url: str, mirror: str | None = None, retry_after: tuple[float, ...] = ()
    ) -> None:
        fetch_dataset(
            FilesDataset.model_construct(kind="files", source="", base_url=base_url, terms="free"),
            name="two",
            source=self.catalogue,
            downloads=self.downloads,
            mirror=mirror,
            out=self.out,
            retry_after=retry_after,
        )

    def is_complete(self) -> bool:
        files = content(self.out)
        return files["clean/one.png"] == self.one and files["clean/two.png"] == self.two


def fetch_folder(source: Path, out: Path) -> Path:
    settings = FolderDataset(kind="folder", source=str(source))
    return fetch(settings, source, out)


def fetch_pairs(source: Path, out: Path) -> Path:
    settings = PairedDataset(kind="paired", source=str(source), clean="gt", degraded="noisy")
    return fetch(settings, source, out)


def fetch_skimage(images: list[str], out: Path, catalogue: Path = SKIMAGE) -> Path:
    settings = SkimageDataset(kind="skimage", source=str(catalogue), images=images)
    return fetch(settings, catalogue, out)


def fetch(settings: Dataset, source: Path, out: Path) -> Path:
    downloads = out.parent / "downloads"
    fetch_dataset(settings, name="mine", source=source, downloads=downloads, mirror=None, out=out)
    return out


def assert_nothing_written(out: Path) -> None:
    assert not out.exists()
    assert not out.parent.exists() or not list(out.parent.glob(f".{out.name}*"))


def real_mirror() -> Path:
    place = Path(os.environ.get(MIRROR_VARIABLE) or ROOT.parent / "shared" / "data")
    if not place.is_dir():
        pytest.skip(f"no published images in {place}; set {MIRROR_VARIABLE} to a folder of them")
    return place
