"""Small inputs for the stages, made by the stages before them."""

from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from pipeline.arrays.pixels import Array
from pipeline.degradations.settings import Degradation
from pipeline.images.files import write_png
from pipeline.models.dncnn.settings import DnCNN
from pipeline.settings.params import FolderDataset, PairedDataset, Patches, Recipe, Trial
from stages.degrade import degrade
from stages.download import download
from stages.extract import extract

TILE = 16
MODEL = DnCNN(channels=1, width=6, depth=4, batch_norm=True, residual=True)

RECIPE = Recipe.model_validate(
    {
        "steps": 6,
        "batch": 4,
        "loss": "mse",
        "optimiser": {"kind": "adam", "betas": [0.9, 0.999], "weight_decay": 0.0},
        "learning_rate": 1e-3,
        "schedule": {"kind": "constant"},
        "clip": {"kind": "none"},
        "precision": "float32",
        "compile": "never",
        "augment": True,
        "log_every": 2,
        "checkpoint_every": 2,
    }
)


def degradation(**settings: object) -> Degradation:
    adapter: TypeAdapter[Degradation] = TypeAdapter(Degradation)
    return adapter.validate_python(settings)


NOISE = degradation(kind="gaussian", sigma_8bit=25, quantise=False)
JPEG = degradation(kind="jpeg", quality=[10, 40], subsampling="yuv420", phase="aligned", draws=1)
REAL = degradation(kind="paired")


def bank(size: int = 16, stride: int = 16, scales: tuple[float, ...] = (1.0,)) -> Patches:
    return Patches(dataset="set", colour="gray", size=size, stride=stride, scales=list(scales))


def trial(degraded_by: Degradation = NOISE, colour: str = "gray", **changes: object) -> Trial:
    protocol = {
        "gray": "gray-uint8",
        "y": "y-uint8",
        "rgb": "rgb-uint8",
        "y_of_rgb": "y-shave-float",
    }[colour]
    settings = {
        "dataset": "set",
        "colour": colour,
        "degradation": degraded_by.model_dump(),
        "protocols": [protocol],
        "baselines": [],
    }
    return Trial.model_validate({**settings, **changes})


def photo(seed: int, height: int = 45, width: int = 52, channels: int = 1) -> Array:
    """Return a smooth random image, multiples of 1/255."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.05, (height, width, channels))
    walk = 0.5 + np.cumsum(np.cumsum(steps, axis=0), axis=1) / 40
    return np.round(np.clip(walk, 0, 1) * 255).astype(np.float32) / np.float32(255)


def download_photos(folder: Path, names: tuple[str, ...] = ("a", "b", "c")) -> Path:
    """Return the raw folder of a data set called ``set``."""
    source = folder / "photos"
    source.mkdir(parents=True)
    for seed, name in enumerate(names):
        write_png(source / f"{name}.png", photo(seed))
    dataset = FolderDataset(kind="folder", source=str(source))
    return fetch(folder, dataset, source)


def download_pairs(folder: Path) -> Path:
    """Return the raw folder of a data set of real pairs called ``set``."""
    source = folder / "pairs"
    for seed, name in enumerate(("a", "b")):
        for role, offset in (("clean", 0.0), ("noisy", 0.1)):
            (source / role).mkdir(parents=True, exist_ok=True)
            write_png(source / role / f"{name}.png", photo(seed) * 0.8 + offset)
    dataset = PairedDataset(kind="paired", source=str(source), clean="clean", degraded="noisy")
    return fetch(folder, dataset, source)


def fetch(folder: Path, dataset: FolderDataset | PairedDataset, source: Path) -> Path:
    out = folder / "raw" / "set"
    download(
        dataset=dataset,
        name="set",
        source=source,
        checked=folder / "checked",
        downloads=folder / "downloads",
        out=out,
    )
    return out


def extract_bank(folder: Path, settings: Patches | None = None, raw: Path | None = None) -> Path:
    out = folder / "patches"
    extract(bank=settings or bank(), images=raw or download_photos(folder), out=out)
    return out


def degrade_bank(folder: Path, settings: Degradation, patches: Path, seed: int = 0) -> Path:
    out = folder / f"degraded-{settings.kind}"
    degrade(name="e1", degradation=settings, patches=patches, out=out, seed=seed)
    return out
