"""What the machine offers to compute on."""

import os
import platform
import sys

import torch

from pipeline.running.process import usable_threads
from pipeline.running.several_processes import position, processes_here


def pick_device(threads: int) -> torch.device:
    """Return the device to compute on, and make torch's results on it reproducible.

    Args:
        threads: CPU threads that torch may use; more than there are cores would wait for each
            other, so then it is as many as there are cores. Processes of one training share them.

    Raises:
        ValueError: A training has more processes on this machine than there are GPUs.
    """
    usable = usable_threads(threads)
    if usable < threads:
        say(f"params.yaml has resources.threads {threads}, this machine {usable}: using {usable}")
    torch.set_num_threads(max(1, usable // processes_here()))
    # As use_deterministic_algorithms does, which imports the compiler for it: two seconds.
    torch.set_deterministic_debug_mode("error")
    # Nothing here reads uninitialised memory, so filling it would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return _own_gpu() if processes_here() > 1 else torch.device("cuda")


def _own_gpu() -> torch.device:
    """Return the GPU of this process of several."""
    gpus = torch.cuda.device_count()
    if processes_here() > gpus:
        raise ValueError(
            f"resources.train.processes: expected at most the {gpus} GPUs that this stage may use, "
            f"came {processes_here()} processes on this machine: lower it, or have more of them in "
            "CUDA_VISIBLE_DEVICES"
        )
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    return device


def supports_tf32(device: torch.device) -> bool:
    """Tell whether ``device`` is a GPU that rounds the factors of float32 products: since 2020."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def supports_bfloat16(device: torch.device) -> bool:
    """Tell whether ``device`` has instructions for bfloat16, and does not only emulate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.machine().lower() in {"x86_64", "amd64"}:
        # oneDNN takes bfloat16 on any AVX-512, and emulates it without these instructions.
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return _has_onednn() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def supports_float16(device: torch.device) -> bool:
    """Tell whether ``device`` has instructions for float16, and does not only emulate it."""
    if device.type == "cuda":
        return True
    return _has_onednn() and bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())


def _has_onednn() -> bool:
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def say(line: str) -> None:
    """Tell whoever started the stage, in one line, what the machine does not allow."""
    if position() == 0:  # of several processes one is enough
        sys.stderr.write(f"{line}\n")
