from pathlib import Path

import pytest

from pipeline.graph.slots import Slots, list_gpus
from pipeline.running.workers import count_cores


def test_stages_start_while_cores_are_left() -> None:
    slots = Slots(cores=4, gpus=[], at_once=None)

    granted = [slots.take(name, cpus=2, gpus=0) for name in "abc"]

    assert granted == [(), (), None]


def test_a_part_of_a_gpu_is_a_whole_one_here() -> None:
    slots = Slots(cores=4, gpus=["0", "1"], at_once=None)

    granted = [slots.take(name, cpus=1, gpus=0.5) for name in "abc"]

    assert granted == [("0",), ("1",), None]


def test_a_stage_that_ends_makes_room() -> None:
    slots = Slots(cores=2, gpus=[], at_once=None)
    slots.take("a", cpus=2, gpus=0)

    slots.give_back("a")

    assert slots.take("b", cpus=2, gpus=0) == ()


def test_a_stage_that_needs_more_than_there_is_runs_alone() -> None:
    slots = Slots(cores=2, gpus=[], at_once=None)

    assert slots.take("big", cpus=8, gpus=0) == ()
    assert slots.take("small", cpus=1, gpus=0) is None


def test_a_big_stage_waits_until_it_is_alone() -> None:
    slots = Slots(cores=2, gpus=[], at_once=None)
    slots.take("small", cpus=1, gpus=0)

    assert slots.take("big", cpus=8, gpus=0) is None


def test_each_gpu_has_one_stage() -> None:
    slots = Slots(cores=16, gpus=["0", "1"], at_once=None)

    granted = [slots.take(name, cpus=1, gpus=1) for name in "abc"]

    assert granted == [("0",), ("1",), None]


def test_a_gpu_that_is_given_back_is_granted_again() -> None:
    slots = Slots(cores=16, gpus=["GPU-x"], at_once=None)
    slots.take("a", cpus=1, gpus=1)

    slots.give_back("a")

    assert slots.take("b", cpus=1, gpus=1) == ("GPU-x",)


def test_a_stage_that_wants_more_gpus_than_there_are_gets_all() -> None:
    slots = Slots(cores=16, gpus=["0", "1"], at_once=None)

    assert slots.take("a", cpus=1, gpus=4) == ("0", "1")


def test_without_gpus_only_cores_count() -> None:
    slots = Slots(cores=2, gpus=[], at_once=None)

    granted = [slots.take(name, cpus=1, gpus=1) for name in "ab"]

    assert granted == [(), ()]


def test_the_number_at_once_is_a_limit_too() -> None:
    slots = Slots(cores=16, gpus=[], at_once=1)
    slots.take("a", cpus=1, gpus=0)

    assert slots.take("b", cpus=1, gpus=0) is None


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("0,1", ["0", "1"]), ("GPU-a", ["GPU-a"]), ("", []), ("-1", [])],
)
def test_the_visible_devices_are_the_gpus(
    monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert list_gpus() == expected


def test_the_driver_is_asked_when_no_device_is_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: GPU-1)'\n"
        "echo '  MIG 1g.18gb Device 0: (UUID: MIG-2)'\necho 'GPU 1: NVIDIA H200 (UUID: GPU-3)'\n"
    )
    tool.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert list_gpus() == ["0", "1"]


def test_a_machine_without_a_driver_has_no_gpus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert list_gpus() == []


def test_there_is_at_least_one_core() -> None:
    assert count_cores() >= 1
