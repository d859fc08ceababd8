"""The number formats that are worth measuring on a device."""

import torch

from pipeline.machine.devices import supports_bfloat16


def formats_of(device: torch.device) -> tuple[torch.dtype, ...]:
    """Return the formats that a device computes in; one that it emulates takes minutes a step."""
    return (torch.float32, torch.bfloat16) if supports_bfloat16(device) else (torch.float32,)
