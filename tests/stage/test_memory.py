"""The memory of the stages does not grow with the number of patches."""

from pathlib import Path

import pytest

from tests.bench.memory import Cut, all_stages

CUT = Cut(image=64, size=16, stride=3)
"""289 patches an image."""

FEW, MANY = 2_000, 150_000
"""The patches are 0.5 MB and 38 MB."""

BUFFERS = 5
"""Megabytes of images that wait until they are cut: fixed, and not full with few images."""


@pytest.mark.scale
def test_the_memory_of_a_stage_does_not_grow_with_the_patches(tmp_path: Path) -> None:
    stages = ["extract", "degrade_stored", "guard", "train_stored"]

    before = all_stages(tmp_path / "few", FEW, CUT, stages)
    after = all_stages(tmp_path / "many", MANY, CUT, stages)

    allowed = {stage: 1.1 * use.megabytes + BUFFERS for stage, use in before.items()}
    assert {k: use for k, use in after.items() if use.megabytes > allowed[k]} == {}
