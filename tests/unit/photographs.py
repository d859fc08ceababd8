"""Networks and pictures that tests of photographs share."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from pipeline.arrays.file_checksum import sha256_of
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.runet.settings import RUNet

GRAY = RUNet(channels=1, widths=[4, 8], blocks=[1, 1], noise_map=False)
COLOUR = RUNet(channels=3, widths=[4, 8], blocks=[1, 1], noise_map=False)
SCALES = {"kind": "bicubic", "scale": [2, 3], "quantise": False, "result": "interpolated"}


def write_weights(folder: Path, model: Model, **card: Any) -> torch.nn.Module:
    """Write a network with random weights as stage ``train`` would, and return it."""
    network = build_model(model, seed=1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
    folder.mkdir(parents=True)
    save_file(network.state_dict(), folder / "weights.safetensors")
    settings = {"class": type(model).__name__, **model.model_dump()}
    checksum = sha256_of(folder / "weights.safetensors")
    said = {"model": settings, "weights_sha256": checksum, **card}
    (folder / "card.json").write_text(json.dumps(said))
    return network.eval()


def pixels(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return a smooth picture with some noise, uint8."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    smooth = (128 + 60 * np.sin(rows / 9) + 50 * np.cos(columns / 7)).reshape(
        *shape[:2], *[1] * (len(shape) - 2)
    )
    noisy = smooth + np.random.default_rng(seed).normal(0, 5, shape)
    found: NDArray[np.uint8] = np.clip(noisy, 0, 255).astype(np.uint8)
    return found


def saved(path: Path, values: NDArray[Any], **options: Any) -> Path:
    """Write a picture by Pillow and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def exif_with(orientation: int) -> bytes:
    """Return an EXIF block with an orientation and a camera."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    return exif.tobytes()


def profile() -> bytes:
    """Return an ICC profile."""
    from PIL import ImageCms

    stream = io.BytesIO(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return stream.getvalue()
