"""What several processes cannot train."""

from typing import Any

import pytest

from pipeline.checking.contradictions import contradictions, warnings
from pipeline.settings.params import Params
from tests.unit.test_params_file import GOOD
from tests.unit.test_recognition_contradictions import good


def with_processes(content: dict[str, Any], processes: int) -> Params:
    resources = {"threads": 2, "train": {"processes": processes}}
    return Params.model_validate({**content, "resources": resources})


def test_a_training_has_one_process_where_nothing_is_said() -> None:
    assert Params.model_validate(GOOD).resources.train.processes == 1


def test_as_many_processes_as_a_batch_has_samples_are_allowed() -> None:
    batch = GOOD["recipes"]["quick"]["batch"]

    assert list(contradictions(with_processes(GOOD, batch))) == []


def test_more_processes_than_a_batch_has_samples_are_refused() -> None:
    batch = GOOD["recipes"]["quick"]["batch"]

    found = list(contradictions(with_processes(GOOD, batch + 1)))

    assert found == [
        f"resources.train.processes: expected at most the {batch} samples in a batch of recipe "
        f"'quick', by which experiment '{name}' trains; came {batch + 1}"
        for name in ("denoiser", "upscaler")
    ]


def test_a_recipe_that_needs_the_whole_batch_is_refused() -> None:
    found = list(contradictions(with_processes(good(), 2)))

    assert found == [
        "resources.train.processes: expected 1, as the losses of DSCMR in recipe 'match', by which "
        "'on_pairs' is trained, compare all samples of a batch; came 2"
    ]


@pytest.mark.parametrize(("processes", "told"), [(1, 0), (2, 1)])
def test_people_are_told_that_networks_that_recognise_have_one_process(
    processes: int, told: int
) -> None:
    content = good()
    del content["recognition"]["on_pairs"]

    found = [one for one in warnings(with_processes(content, processes)) if "processes" in one]

    assert len(found) == told
    assert all("are trained by one process" in one for one in found)
