"""What computes, by its name: on another one the last bits of a result may differ."""

import contextlib
import platform
from pathlib import Path

import torch


def processor(threads: int | None = None) -> str:
    """Return the name of what computes: the GPU, or the CPU and the number of its threads.

    Args:
        threads: Of all processes together; those of this process when left out.
    """
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{_cpu_name()}, {threads or torch.get_num_threads()} threads"


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def computed_on(device: torch.device, threads: int | None = None) -> dict[str, str | int | None]:
    """Return what a card says of where a network was trained.

    A GPU is named, with its library of convolutions, and the threads of its host decide nothing.
    A CPU is not: cards of the same training on two of them are compared byte by byte.

    Args:
        device: Where it was trained.
        threads: CPU threads of all processes together; those of this process when left out.
    """
    facts: dict[str, str | int | None] = {"device": device.type, "torch": torch.__version__}
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        return {**facts, "processor": name, "cudnn": cudnn}
    return {**facts, "threads": threads or torch.get_num_threads()}
