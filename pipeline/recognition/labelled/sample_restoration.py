"""Restoring samples of a recognition task: small images in batches, cubes band by band."""

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.arrays.pixels import Array, Bytes, from_8bit
from pipeline.machine.precision import Precision
from pipeline.models.parts.settings import Model
from pipeline.recognition.labelled.samples import Labelled

_PIXELS = 1 << 18
"""Of all images together that go through the network at once."""


def restore_samples(
    network: nn.Module,
    model: Model,
    degraded: Labelled,
    *,
    device: torch.device,
    precision: Precision,
    sigma_8bit: float | None,
) -> Array:
    """Restore images, or the bands of a cube, each whole.

    A network for one channel restores each channel, or band, by itself.

    Args:
        network: On ``device``, in evaluation mode.
        model: Its settings.
        degraded: Images, or a cube, in [0, 1] up to noise; or images of 8 bits.
        device: Where to compute.
        precision: Format of the convolutions.
        sigma_8bit: Of the Gaussian noise, for networks that are told; None if it has no one sigma.

    Returns:
        Restored values of the same shape, float32, not clipped.

    Raises:
        ValueError: The network is for other channels, sizes or scales, or is to be told a sigma
            that there is not.
    """
    values = _floats(degraded.values)
    cube = degraded.kind == "cube"
    # A cube is one image whose channels are its bands.
    images = values[None] if cube else values
    count, height, width, channels = images.shape
    _check(model, channels, height, width, sigma_8bit)
    planes = torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, 1)))
    if model.channels in (1, "shared"):
        planes = planes.reshape(count * channels, 1, height, width)
    together = max(1, _PIXELS // (height * width))
    restored = torch.cat(
        [
            _restored(network, part.to(device), model, precision, sigma_8bit).cpu()
            for part in torch.split(planes, together)
        ]
    )
    restored = restored.reshape(count, channels, height, width)
    result = np.ascontiguousarray(np.moveaxis(restored.numpy(), 1, -1))
    return result[0] if cube else result


def _restored(
    network: nn.Module,
    images: Tensor,
    model: Model,
    precision: Precision,
    sigma_8bit: float | None,
) -> Tensor:
    if model.takes_noise_map and sigma_8bit is not None:
        noise_map = torch.full_like(images[:, :1], sigma_8bit / 255)
        images = torch.cat([images, noise_map], dim=1)
    with precision.inference(images.device):
        restored: Tensor = network(images)
    return restored.float()


def _floats(values: Array | Bytes) -> Array:
    if values.dtype == np.uint8:
        return from_8bit(values.astype(np.uint8, copy=False))
    return np.asarray(values, np.float32)


def restores(model: Model, channels: int) -> bool:
    """Tell whether a network can restore samples of so many channels, or bands."""
    return model.accepts(channels) or model.channels == 1


def _check(model: Model, channels: int, height: int, width: int, sigma_8bit: float | None) -> None:
    if model.scale != 1:
        raise ValueError(
            f"expected a network that keeps the size of images, came one that enlarges them "
            f"{model.scale} times"
        )
    if not restores(model, channels):
        raise ValueError(
            f"expected a network for {channels} channel(s), or for each by itself; came one for "
            f"{model.input_channels} together"
        )
    if model.image_size not in (None, height) or model.image_size not in (None, width):
        raise ValueError(
            f"expected a network for images of {height}x{width}, came one for {model.image_size} "
            "pixels a side"
        )
    if model.takes_noise_map and sigma_8bit is None:
        raise ValueError(
            "expected Gaussian noise of one sigma, which the network is to be told; came other "
            "noise, or none"
        )
