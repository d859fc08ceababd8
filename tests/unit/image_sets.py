"""Small data sets for tests, and how they are fetched."""

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.datasets.fetching import fetch_dataset
from pipeline.settings.params import (
    CatalogueDataset,
    Dataset,
    FolderDataset,
    PairedDataset,
    SkimageDataset,
)
from tests.project import ROOT

CATALOGUES = ROOT / "pipeline" / "catalogue"
SKIMAGE = CATALOGUES / "skimage"


def write_image(path: Path, size: tuple[int, int] = (24, 20), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(Image.new(mode, (1, 1)).getbands())
    seed = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4])
    shape = (size[1], size[0], channels)
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.frombytes(mode, size, values.tobytes()).save(path)
    return path


def write_catalogue(
    path: Path,
    folder: Path,
    rows: list[tuple[str, str, str]],
    *,
    checksums: bool = True,
    **description: Any,
) -> Path:
    """List files of ``folder``, given as image, role and file, in the catalogue ``path``."""
    pairs = any(role == "degraded" for _, role, _ in rows)
    describe(path, content="pairs" if pairs else "images", **description)
    with (path / "files.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "role", "file", "bytes", "sha256", "path"])
        for image, role, file in rows:
            content = (folder / file).read_bytes()
            known = [len(content), hashlib.sha256(content).hexdigest()] if checksums else ["", ""]
            writer.writerow([image, role, file, *known, f"some where/{file}"])
    return path


def describe(path: Path, **description: Any) -> Path:
    """Write the description of a published set; ``description`` has what is not the usual."""
    path.mkdir(parents=True, exist_ok=True)
    archives = description.pop("archives", [])
    usual = {
        "title": "Two images",
        "homepage": "https://images.example/two",
        "reference": "A. Author, Two images, 2020",
        "licence": "free",
        "terms": "Free for all.",
        "must_accept": False,
        "checksums": "computed by this test",
        "content": "images",
    }
    # JSON's strings, numbers, booleans and lists are TOML's too.
    lines = [f"{key} = {json.dumps(value)}" for key, value in (usual | description).items()]
    for archive in archives:
        members = archive.pop("members", [])
        lines += ["[[archives]]", *(f"{key} = {json.dumps(v)}" for key, v in archive.items())]
        for one in members:
            lines += ["[[archives.members]]"]
            lines += [f"{key} = {json.dumps(v)}" for key, v in one.items()]
    (path / "set.toml").write_text("\n".join(lines))
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
        self.files = files
        self.catalogue = folder / "catalogue" / "pair"
        self.accepted_terms = folder / "accepted"
        self.list([("one", "clean", "one.png"), ("two", "clean", "sub #2/two.png")])
        self.one = (files / "one.png").read_bytes()
        self.two = (files / "sub #2" / "two.png").read_bytes()

    def web(self) -> dict[str, Any]:
        return {
            "/base/some%20where/one.png": self.one,
            "/base/some%20where/sub%20%232/two.png": self.two,
        }

    def list(self, rows: list[tuple[str, str, str]], **description: Any) -> None:
        write_catalogue(self.catalogue, self.files, rows, **description)

    def describe(self, **description: Any) -> None:
        """Make it a set without single files."""
        shutil.rmtree(self.catalogue)
        describe(self.catalogue, **description)

    def fetch(
        self, base_url: str, mirror: str | None = None, retry_after: tuple[float, ...] = ()
    ) -> None:
        toml = self.catalogue / "set.toml"
        described = toml.read_text().replace("BASE_URL", base_url)
        if "archives" not in described:
            described += f'\nbase_url = "{base_url}"\n'
        with_url = toml.parents[1] / "with_url" / "pair"
        shutil.rmtree(with_url, ignore_errors=True)
        shutil.copytree(self.catalogue, with_url)
        (with_url / "set.toml").write_text(described)
        fetch_dataset(
            CatalogueDataset(kind="catalogue", source=str(with_url)),
            name="two",
            source=with_url,
            downloads=self.downloads,
            mirror=mirror,
            out=self.out,
            accepted_terms=self.accepted_terms,
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
