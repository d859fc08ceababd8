import json
import subprocess
import sys

import pytest

from pipeline.checking.params_file import load_params
from pipeline.commands.probe import probe
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("one_thread")

SMOKE = ROOT / "pipeline" / "checking" / "presets" / "smoke.yaml"


def test_every_training_is_timed() -> None:
    params = load_params(SMOKE)

    found = probe(params, list(params.experiments), patience=0.0)

    seconds = found["seconds_per_step"]
    assert isinstance(seconds, dict)
    assert set(seconds) == set(params.experiments)
    assert all(0 < value < 60 for value in seconds.values())


def test_equal_trainings_are_timed_once() -> None:
    params = load_params(SMOKE)
    again = {**params.experiments, "again": params.experiments["dncnn_s25"]}

    found = probe(params.model_copy(update={"experiments": again}), ["dncnn_s25", "again"], 0.0)

    seconds = found["seconds_per_step"]
    assert isinstance(seconds, dict)
    assert seconds["again"] == seconds["dncnn_s25"]


def test_the_answer_is_json_for_another_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.commands.probe", str(SMOKE), "dncnn_s25"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["seconds_per_step"].keys() == {"dncnn_s25"}
