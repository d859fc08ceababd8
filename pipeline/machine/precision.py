"""Which number format convolutions compute in: what was asked for, as far as the machine can."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from statistics import median

import torch
from torch import nn

from pipeline.machine.devices import say, supports_bfloat16, supports_float16, supports_tf32
from pipeline.machine.remembered import remembered
from pipeline.machine.transfer import wait_for


class Precision(Enum):
    """A format that convolutions compute in, by its name in ``params.yaml``.

    Weights, losses and results are float32 in any of them.
    """

    FLOAT32 = "float32"
    TF32 = "tf32"
    """float32 whose factors a GPU rounds to 10 bits of fraction; its sums stay float32."""
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"

    @property
    def stored(self) -> torch.dtype:
        """How the values between two layers are stored."""
        return _STORED.get(self, torch.float32)

    def forward(self, device: torch.device) -> AbstractContextManager[object]:
        """Return where a network is applied: its convolutions then take values of this format."""
        return torch.autocast(device.type, self.stored, enabled=self in _STORED)

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """Let products of float32 on a GPU be those of this format, in a block.

        Backward passes belong into it too, unlike with ``forward``.
        """
        cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul
        before = cudnn.allow_tf32, cublas.allow_tf32
        try:
            cudnn.allow_tf32 = cublas.allow_tf32 = self is Precision.TF32
            yield
        finally:
            cudnn.allow_tf32, cublas.allow_tf32 = before

    @contextmanager
    def inference(self, device: torch.device) -> Iterator[None]:
        """Let a network restore or recognise in this format, in a block; nothing is learnt."""
        with torch.inference_mode(), self.arithmetic(), self.forward(device):
            yield


_STORED = {Precision.BFLOAT16: torch.bfloat16, Precision.FLOAT16: torch.float16}

_SUPPORTED = {
    Precision.TF32: supports_tf32,
    Precision.BFLOAT16: supports_bfloat16,
    Precision.FLOAT16: supports_float16,
}


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """Return the format to compute in on ``device``.

    Args:
        wanted: The name of one, or ``auto`` for the faster one of float32 and bfloat16, as
            measured once on this machine.
        device: Where to compute; what it only emulates is not used, and a line says so.
    """
    if wanted == "auto":
        return Precision.BFLOAT16 if _bfloat16_pays(device) else Precision.FLOAT32
    precision = Precision(wanted)
    if precision in _SUPPORTED and not _SUPPORTED[precision](device):
        say(f"this {device.type} has no {wanted} arithmetic: computing in float32")
        return Precision.FLOAT32
    return precision


def _bfloat16_pays(device: torch.device) -> bool:
    if not supports_bfloat16(device):
        return False
    # A GPU that has it is several times faster with it; CPUs range from half to twice the speed.
    return device.type == "cuda" or remembered("bfloat16 convolutions pay", _is_bfloat16_faster)


def _is_bfloat16_faster() -> bool:
    best = dict.fromkeys((Precision.FLOAT32, Precision.BFLOAT16), 0.0)
    for _ in range(3):  # in turn: other work on the machine slows each of them for a while
        for one in best:
            rate = convolution_rate(one, torch.device("cpu"), batch=16, repetitions=3)
            best[one] = max(best[one], rate)
    return best[Precision.BFLOAT16] > best[Precision.FLOAT32]


def convolution_rate(
    precision: Precision,
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
    layer = layer.to(device, precision.stored, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = images.to(device, precision.stored, memory_format=torch.channels_last)
    images.requires_grad_(backward)
    seconds = []
    with torch.set_grad_enabled(backward), precision.arithmetic():
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
