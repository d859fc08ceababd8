"""The number formats that are worth measuring on a device."""

import torch

from pipeline.machine.devices import supports_bfloat16, supports_tf32
from pipeline.machine.precision import Precision


def formats_of(device: torch.device) -> tuple[Precision, ...]:
    """Return the formats that a device computes in; one that it emulates takes minutes a step."""
    short = {
        Precision.TF32: supports_tf32(device),
        Precision.BFLOAT16: supports_bfloat16(device),
    }
    return Precision.FLOAT32, *(one for one, supported in short.items() if supported)
