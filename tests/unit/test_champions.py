"""The best weights of each benchmark in MLflow's registry, in a database in a temporary folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.photographs.registered import fetch_weights
from pipeline.running.champions import crown
from pipeline.running.tracking import Tracker
from tests.unit.test_runs_table import PARAMS, record

PLACES = {
    "denoise_25": ["photos_test/gaussian_25/gray-uint8"],
    "upscale_23": ["photos_test/bicubic_x2/y-shave", "photos_test/bicubic_x3/y-shave"],
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database: making one takes seconds."""
    folder = tmp_path_factory.mktemp("tracker")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.delenv("MLFLOW_TRACKING_URI", raising=False)
        Tracker()
    return folder / "mlflow.db"


@pytest.fixture
def tracker(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """Return a tracker of a project of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_bytes(database.read_bytes())
    (tmp_path / "params.yaml").write_bytes(PARAMS.read_bytes())
    # MLflow remembers a database by its address, so it must be a whole one.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return Tracker()


def measured(tracker: Tracker, name: str, scores: dict[str, float], *, network: bool = True) -> str:
    """Record scores of an experiment; its weights are in the project if it is a network."""
    if network:
        folder = Path("data/models") / name
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(name.encode())
        (folder / "card.json").write_text(json.dumps({"weights_sha256": name}))
    return record(tracker, name, {f"{place}/psnr": psnr for place, psnr in scores.items()})


def champion(tracker: Tracker, benchmark: str) -> Any:
    return tracker.client.get_model_version_by_alias(benchmark, "champion")


def test_the_best_of_a_benchmark_is_its_champion_with_the_reason(tracker: Tracker) -> None:
    (place,) = PLACES["denoise_25"]
    measured(tracker, "good", {place: 28.0})
    best = measured(tracker, "best", {place: 29.0})

    crown(tracker)

    found = champion(tracker, "denoise_25")
    assert found.run_id == best
    for said in ("best 29.00 dB", place, "good 28.00 dB"):
        assert said in found.description


def test_the_weights_of_a_champion_come_by_its_address(tracker: Tracker) -> None:
    measured(tracker, "only", {PLACES["denoise_25"][0]: 28.0})

    crown(tracker)

    folder = fetch_weights("models:/denoise_25@champion")
    assert (folder / "weights.safetensors").read_bytes() == b"only"


def test_a_better_one_takes_the_alias_and_a_second_look_makes_no_version(tracker: Tracker) -> None:
    (place,) = PLACES["denoise_25"]
    measured(tracker, "first", {place: 28.0})
    crown(tracker)
    better = measured(tracker, "second", {place: 29.0})

    crown(tracker)
    crown(tracker)

    assert champion(tracker, "denoise_25").run_id == better
    assert len(tracker.client.search_model_versions("name = 'denoise_25'")) == 2


def test_a_benchmark_of_several_levels_is_won_by_the_mean_over_all(tracker: Tracker) -> None:
    first, second = PLACES["upscale_23"]
    measured(tracker, "one_level", {first: 40.0})
    measured(tracker, "uneven", {first: 34.0, second: 28.0})
    even = measured(tracker, "even", {first: 32.0, second: 31.0})

    crown(tracker)

    assert champion(tracker, "upscale_23").run_id == even


def test_neither_programs_nor_what_the_project_has_no_more_become_champions(
    tracker: Tracker,
) -> None:
    (place,) = PLACES["denoise_25"]
    measured(tracker, "program", {place: 35.0}, network=False)
    ours = measured(tracker, "ours", {place: 28.0})

    crown(tracker)

    assert champion(tracker, "denoise_25").run_id == ours
