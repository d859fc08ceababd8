"""Which number format convolutions compute in: what was asked for, as far as the machine can."""

import time
from statistics import median

import torch
from torch import nn

from pipeline.machine.devices import say, supports_bfloat16, supports_float16
from pipeline.machine.remembered import remembered
from pipeline.machine.transfer import wait_for

_FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SUPPORTED = {"bfloat16": supports_bfloat16, "float16": supports_float16}


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """Return the format to compute in on ``device``.

    Args:
        wanted: ``float32``, ``bfloat16`` or ``float16``, or ``auto`` for the faster one of the
            first two, as measured once on this machine.
        device: Where to compute; what it only emulates is not used, and a line says so.
    """
    if wanted == "auto":
        return torch.bfloat16 if _bfloat16_pays(device) else torch.float32
    if wanted in _SUPPORTED and not _SUPPORTED[wanted](device):
        say(f"this {device.type} has no {wanted} arithmetic: computing in float32")
        return torch.float32
    return _FORMATS[wanted]


def name_of(precision: torch.dtype) -> str:
    """Return the name that ``params.yaml`` has for a format."""
    return next(name for name, one in _FORMATS.items() if one == precision)


def _bfloat16_pays(device: torch.device) -> bool:
    if not supports_bfloat16(device):
        return False
    # A GPU that has it is several times faster with it; CPUs range from half to twice the speed.
    return device.type == "cuda" or remembered("bfloat16 convolutions pay", _is_bfloat16_faster)


def _is_bfloat16_faster() -> bool:
    device = torch.device("cpu")
    rates = {
        name: convolution_rate(_FORMATS[name], device, batch=16, repetitions=5)
        for name in ("float32", "bfloat16")
    }
    return rates["bfloat16"] > rates["float32"]


def convolution_rate(
    precision: torch.dtype,
    device: torch.device,
    *,
    batch: int = 64,
    repetitions: int = 9,
    backward: bool = True,
) -> float:
    """Return how fast ``device`` computes 3x3 convolutions of 64 channels, in GFLOP/s.

    It is the limit of the networks here, which hardly compute anything else: 40x40 pixels,
    channels last in memory, the median of some repetitions.

    Args:
        precision: Format of images and weights.
        device: Where to compute.
        batch: Images at once.
        repetitions: How many are timed, after two that are not.
        backward: Whether the gradients of images and weights are counted and computed too.
    """
    with torch.random.fork_rng(devices=[]):
        layer = nn.Conv2d(64, 64, 3, padding=1)
        images = torch.randn(batch, 64, 40, 40)
    layer = layer.to(device, precision, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = images.to(device, precision, memory_format=torch.channels_last)
    images.requires_grad_(backward)
    seconds = []
    with torch.set_grad_enabled(backward):
        for _ in range(repetitions + 2):
            wait_for(device)
            start = time.perf_counter()
            output = layer(images)
            if backward:
                output.backward(output.detach())
            wait_for(device)
            seconds.append(time.perf_counter() - start)
    work = 2 * 64 * 64 * 9 * batch * 40 * 40 * (3 if backward else 1)
    return work / median(seconds[2:]) / 1e9
