"""Decisions that the machine makes once, formats that it can compute in, memory that it has."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pipeline.machine import memory, precision
from pipeline.machine.memory import free_memory, is_out_of_memory, peak_bytes
from pipeline.machine.precision import Precision, choose_precision, convolution_rate
from pipeline.machine.processor import computed_on
from pipeline.machine.remembered import FILE, remembered
from pipeline.running.process import usable_threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --------------------------------------------------------------------------- remembering


@pytest.mark.parametrize("answer", [True, False])
def test_an_answer_is_given_once_and_kept(answer: bool) -> None:
    asked: list[bool] = []

    def decide() -> bool:
        asked.append(answer)
        return answer

    found = [remembered("does it pay", decide) for _ in range(3)]

    assert found == [answer] * 3
    assert asked == [answer]


def test_each_question_has_its_own_answer() -> None:
    remembered("one", lambda: True)

    assert not remembered("other", lambda: False)
    assert remembered("one", lambda: False)


def test_another_version_of_torch_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered("does it pay", lambda: True)
    monkeypatch.setattr(torch, "__version__", "9.9")

    assert not remembered("does it pay", lambda: False)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 3}', "\x00"])
def test_a_damaged_file_costs_a_measurement_and_no_more(content: str) -> None:
    FILE.parent.mkdir()
    FILE.write_text(content)

    assert remembered("does it pay", lambda: True)
    assert list(json.loads(FILE.read_text()).values()) == [True]


def test_a_folder_that_cannot_be_written_costs_a_line_that_says_so(
    capfd: pytest.CaptureFixture[str],
) -> None:
    FILE.parent.touch()  # a file where the folder should be

    assert remembered("does it pay", lambda: True)
    assert "machine.json cannot be written" in capfd.readouterr().err


def test_of_two_answers_at_once_the_first_one_counts() -> None:
    def decide_late() -> bool:
        remembered("does it pay", lambda: True)
        return False

    assert remembered("does it pay", decide_late)
    assert remembered("does it pay", lambda: False)


def test_what_a_failed_measurement_found_is_not_kept() -> None:
    def fail() -> bool:
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError, match="no compiler"):
        remembered("does it pay", fail)

    assert remembered("does it pay", lambda: True)


# ----------------------------------------------------------------------------- formats


def test_float32_is_always_there() -> None:
    assert choose_precision("float32", CPU) is Precision.FLOAT32


@pytest.mark.parametrize("wish", ["tf32", "bfloat16", "float16"])
def test_a_format_that_would_be_emulated_is_not_used_and_a_line_says_so(
    wish: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(precision._SUPPORTED, Precision(wish), lambda _device: False)

    assert choose_precision(wish, CPU) is Precision.FLOAT32
    assert capfd.readouterr().err == f"this cpu has no {wish} arithmetic: computing in float32\n"


@pytest.mark.parametrize(("short", "expected"), [(2.0, "bfloat16"), (0.5, "float32")])
def test_the_machine_takes_the_faster_format_when_it_may(
    short: float, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {Precision.FLOAT32: 1.0, Precision.BFLOAT16: short}
    monkeypatch.setattr(precision, "supports_bfloat16", lambda _device: True)
    monkeypatch.setattr(precision, "convolution_rate", lambda one, *_args, **_more: rates[one])

    assert choose_precision("auto", CPU) is Precision(expected)


def test_a_machine_without_the_short_format_is_not_asked_which_is_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "supports_bfloat16", lambda _device: False)

    assert choose_precision("auto", CPU) is Precision.FLOAT32
    assert not FILE.exists()


def test_measuring_leaves_the_random_numbers_of_others_alone() -> None:
    before = torch.random.get_rng_state()

    rate = convolution_rate(Precision.FLOAT32, CPU, batch=1, repetitions=1)

    assert rate > 0
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("chosen", "allowed"), [("tf32", True), ("float32", False)])
def test_products_of_float32_are_rounded_only_where_that_was_chosen_and_not_after_it(
    chosen: str, allowed: bool
) -> None:
    backends = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [one.allow_tf32 for one in backends]

    with Precision(chosen).arithmetic():
        within = [one.allow_tf32 for one in backends]

    assert within == [allowed, allowed]
    assert [one.allow_tf32 for one in backends] == before


# --------------------------------------------------------------------------- processor


def test_a_stage_that_computes_does_not_import_the_compiler(root: Path) -> None:
    code = (
        "import sys, torch; from pipeline.machine.devices import pick_device; "
        "from pipeline.machine.memory import peak_bytes; pick_device(1); "
        "peak_bytes(lambda: torch.nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 9, 9))); "
        "print(torch.are_deterministic_algorithms_enabled(), 'torch._dynamo' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "False"]


def test_a_gpu_is_named_with_its_library_and_without_the_threads_of_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _device: "NVIDIA H100")
    monkeypatch.setattr("torch.backends.cudnn.version", lambda: 91002)

    facts = computed_on(torch.device("cuda"))

    assert facts == {
        "device": "cuda",
        "processor": "NVIDIA H100",
        "cudnn": 91002,
        "torch": torch.__version__,
    }


def test_a_cpu_counts_by_its_threads_as_cards_of_two_machines_are_compared() -> None:
    facts = computed_on(CPU)

    assert facts == {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


# ------------------------------------------------------------------------------ memory


@pytest.mark.parametrize(("free", "short"), [(2**30, True), (70 * 2**30, False)])
def test_a_computation_without_an_engine_is_short_of_memory_where_little_is_left(
    free: int, short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _device: total)
    monkeypatch.setattr(memory, "free_memory", lambda _device: free)
    error = RuntimeError("GET was unable to find an engine to execute this computation")

    assert is_out_of_memory(error) == short


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the control groups, of which this process is in ``outer/inner``."""
    (tmp_path / "self").write_text("1:cpu:/else\n4:memory:/old\n0::/outer/inner\n")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "self")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "groups")
    for folder in ("outer/inner", "memory/old"):
        (tmp_path / "groups" / folder).mkdir(parents=True)
    return tmp_path / "groups"


def limit(folder: Path, most: str, used: int, statistics: str = "") -> None:
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(statistics)


@pytest.mark.parametrize("where", ["outer/inner", "outer", ""])
def test_free_memory_is_what_the_narrowest_control_group_leaves(groups: Path, where: str) -> None:
    for folder in ("outer/inner", "outer", ""):
        limit(groups / folder, "max", 5)

    limit(groups / where, "700000", 500_000, "anon 400000\nfile 60000\nshmem 10000\n")

    assert free_memory(CPU) == 250_000


def test_control_groups_of_the_first_version_count_too(groups: Path) -> None:
    (groups / "memory/old/memory.limit_in_bytes").write_text("900000\n")
    (groups / "memory/old/memory.usage_in_bytes").write_text("500000\n")

    assert free_memory(CPU) == 400_000


def test_control_groups_without_a_limit_take_nothing_away(groups: Path) -> None:
    limit(groups / "outer", "max", 5)

    assert memory._in_container() == sys.maxsize


def test_a_system_without_control_groups_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "none")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)

    assert memory._in_container() == sys.maxsize
    assert free_memory(CPU) > 2**20


def test_a_system_that_does_not_tell_data_apart_has_memory_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Process:
        def memory_info(self) -> object:
            return SimpleNamespace(rss=1, vms=2, pfaults=3, pageins=4)

    monkeypatch.setattr("psutil.Process", Process)

    assert memory._in_own_limits() > 2**20


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("expected input to have 3 channels"), False),
        (ValueError("out of memory of the past"), False),
    ],
)
def test_a_lack_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_a_real_failure_of_the_allocator_is_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)

    assert is_out_of_memory(caught.value)


def test_peak_counts_what_lives_at_the_same_time() -> None:
    layers = nn.Sequential(*[nn.Conv2d(4, 4, 1) for _ in range(5)])
    image = torch.zeros(1, 4, 16, 16)
    each = 4 * 16 * 16 * 4

    with torch.no_grad():
        one_after_the_other = peak_bytes(lambda: layers(image))
        all_kept = peak_bytes(lambda: [layers[0](image) for _ in range(5)])

    assert one_after_the_other == 2 * each
    assert all_kept == 5 * each


def test_training_needs_what_its_backward_pass_asks_for() -> None:
    layers = nn.Sequential(*[nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()) for _ in range(5)])
    image = torch.zeros(1, 4, 16, 16)

    peak = peak_bytes(lambda: layers(image).sum().backward())

    assert peak >= 5 * 4 * 16 * 16 * 4


# ----------------------------------------------------------------------------- threads


def test_no_more_threads_than_cores_are_used() -> None:
    assert usable_threads(1) == 1
    assert 1 <= usable_threads(10_000) < 10_000
