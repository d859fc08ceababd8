from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.machine.devices import pick_device, supports_bfloat16

CPUINFO = Path("/proc/cpuinfo")


@pytest.fixture(autouse=True)
def settings_of_others() -> Iterator[None]:
    """Leave torch's settings, which belong to the whole process, as they were."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_uses_the_threads_that_it_is_given(threads: int) -> None:
    pick_device(threads)

    assert torch.get_num_threads() == threads


def test_more_threads_than_cores_are_not_started_and_a_line_says_so(
    capfd: pytest.CaptureFixture[str],
) -> None:
    pick_device(10_000)

    cores = torch.get_num_threads()
    assert cores < 10_000
    assert capfd.readouterr().err == (
        f"params.yaml has resources.threads 10000, this machine {cores}: using {cores}\n"
    )


def test_results_are_reproducible() -> None:
    pick_device(1)

    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.benchmark


def test_device_is_there() -> None:
    device = pick_device(1)

    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert torch.ones(2, device=device).sum().item() == 2


@pytest.mark.skipif(not CPUINFO.exists(), reason="only Linux lists what its CPU can do")
def test_a_cpu_without_instructions_for_bfloat16_is_said_not_to_support_it() -> None:
    flags = set(CPUINFO.read_text().split())
    if "flags" not in flags:
        pytest.skip("this CPU is no x86 and has other names for what it can do")

    supported = supports_bfloat16(torch.device("cpu"))

    assert supported == bool(flags & {"avx512_bf16", "amx_bf16"})


@pytest.mark.gpu
def test_gpu_multiplies_in_full_single_precision() -> None:
    device = pick_device(1)
    if device.type != "cuda":
        pytest.skip("needs a CUDA device")
    matrix = torch.rand(256, 256, dtype=torch.float64)

    product = (matrix.float().to(device) @ matrix.float().to(device)).cpu()

    assert (product - matrix @ matrix).abs().max() < 1e-3
