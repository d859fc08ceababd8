import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from mlflow import MlflowClient
from safetensors.torch import save_file

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.pixels import from_8bit
from pipeline.arrays.tables import read_table
from pipeline.checking.params_file import load_params
from pipeline.images.benchmarks import drawn_sigmas, images_of, restored_path, write_trials
from pipeline.images.files import read_image
from pipeline.measuring.perceptual_table import CLEAN, Perceived
from pipeline.measuring.score_table import INPUT
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.running.tracking import deliver
from pipeline.settings.params import Trial
from pipeline.tiling.ensemble import SelfEnsemble
from stages.baseline import baseline
from stages.degrade_test import degrade_test
from stages.evaluate import evaluate
from stages.reconstruct import reconstruct
from tests.stage.graph_data import (
    JPEG,
    MODEL,
    NOISE,
    TILE,
    degradation,
    download_photos,
    trial,
)
from tests.whole_image import apply

pytestmark = pytest.mark.usefixtures("own_tracker")


def write_benchmark(folder: Path, trials: list[Trial]) -> Path:
    degrade_test(trials=trials, raw=download_photos(folder).parent, out=folder / "bench", seed=0)
    return folder / "bench"


def write_weights(folder: Path, model: Model = MODEL) -> Path:
    (folder / "weights").mkdir()
    save_file(build_model(model, seed=3).state_dict(), folder / "weights/weights.safetensors")
    card = {"weights_sha256": checksum(folder), "trained_on": {"patch_size": 12}}
    (folder / "weights/card.json").write_text(json.dumps(card))
    return folder / "weights"


def checksum(folder: Path) -> str:
    return sha256_of(folder / "weights/weights.safetensors")


def restore_all(
    folder: Path,
    trials: list[Trial],
    precision: str = "float32",
    model: Model = MODEL,
    way: str = "plain",
) -> Path:
    reconstruct(
        model=model,
        model_name="dncnn.tiny",
        weights=write_weights(folder, model),
        benchmark=write_benchmark(folder, trials),
        way=way,
        out=folder / "restored",
        threads=1,
        tile=TILE,
        precision=precision,
    )
    return folder / "restored"


def evaluate_all(folder: Path) -> list[dict[str, str]]:
    baseline(
        benchmark=folder / "bench",
        out=folder / "baselines",
    )
    evaluate(
        experiment="e1",
        benchmark=folder / "bench",
        restored=folder / "restored",
        baselines=folder / "baselines",
        out=folder / "rows",
        metrics=folder / "metrics.json",
    )
    with (folder / "rows" / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_whole_images_of_odd_sizes_are_restored_as_if_untiled(tmp_path: Path) -> None:
    restored = restore_all(tmp_path, [trial()])

    network = build_model(MODEL, seed=3).eval()
    for image in images_of(tmp_path / "bench"):
        whole = apply(image.degraded(), network, torch.device("cpu"))
        np.testing.assert_allclose(np.load(restored_path(restored, image)), whole, atol=1e-5)


def test_a_picture_of_each_restored_image_is_there_to_look_at(tmp_path: Path) -> None:
    restored = restore_all(tmp_path, [trial()])

    picture = read_image(restored / "set/gaussian_25/a.png")
    output = np.load(restored / "set/gaussian_25/a.npy").clip(0, 1)
    assert np.abs(picture - output).max() <= 0.5 / 255 + 1e-6


def test_the_measured_halo_is_noted(tmp_path: Path) -> None:
    facts = json.loads((restore_all(tmp_path, [trial()]) / "tiling.json").read_text())

    assert facts == {
        "model": "dncnn.tiny",
        "weights_sha256": checksum(tmp_path),
        "way": "plain",
        "halo": MODEL.receptive_field // 2,
        "tile": TILE,
        "precision": "float32",
    }


def test_every_image_level_and_protocol_that_applies_has_a_row(tmp_path: Path) -> None:
    trials = [trial(JPEG)]
    restore_all(tmp_path, trials)

    rows = evaluate_all(tmp_path)

    assert len(rows) == 3 * 2 * 2
    assert {row["protocol"] for row in rows} == {"gray-uint8", "gray-float"}
    assert {row["degradation"] for row in rows} == {"jpeg_10", "jpeg_40"}
    assert {row["experiment"] for row in rows} == {"e1"}


def test_the_noisy_input_has_the_psnr_of_its_noise(tmp_path: Path) -> None:
    rows = baseline_rows(tmp_path, [trial()])

    psnrs = [float(row["psnr"]) for row in rows if row["protocol"] == "gray-float"]
    assert {row["experiment"] for row in rows} == {INPUT}
    assert np.mean(psnrs) == pytest.approx(20 * np.log10(255 / 25), abs=0.2)


def baseline_rows(folder: Path, trials: list[Trial]) -> list[dict[str, str]]:
    """Measure a benchmark as it is and restored by its methods; return the rows."""
    write_benchmark(folder, trials)
    baseline(benchmark=folder / "bench", out=folder / "rows")
    with (folder / "rows" / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def psnrs_of(rows: list[dict[str, str]], method: str) -> dict[tuple[str, ...], float]:
    keys = ("image", "degradation", "protocol")
    return {
        tuple(row[key] for key in keys): float(row["psnr"])
        for row in rows
        if row["experiment"] == method
    }


def test_the_metrics_are_means_of_the_first_test_by_its_leading_protocol(tmp_path: Path) -> None:
    restore_all(tmp_path, [trial()])

    rows = evaluate_all(tmp_path)

    metrics = json.loads((tmp_path / "metrics.json").read_text())
    protocol = trial().protocols[0]
    psnrs = [float(row["psnr"]) for row in rows if row["protocol"] == protocol]
    assert set(metrics) == {"psnr", "gain", "ssim", "test"}
    assert metrics["psnr"] == pytest.approx(np.mean(psnrs), abs=6e-3)
    assert metrics["psnr"] - metrics["gain"] == pytest.approx(20 * np.log10(255 / 25), abs=0.5)
    assert metrics["test"] == f"set gaussian_25 {protocol}"


def test_the_metrics_of_several_tests_have_their_mean_gain_too(tmp_path: Path) -> None:
    restore_all(tmp_path, [trial(), trial(JPEG)])

    evaluate_all(tmp_path)

    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics) == {"psnr", "gain", "ssim", "mean_gain", "test"}


def test_scores_reach_the_tracker_without_that_measuring_loads_mlflow(
    tmp_path: Path, root: Path, loads_mlflow: Callable[..., bool]
) -> None:
    trials = load_params(root / "pipeline/checking/presets/smoke.yaml").benchmarks["denoise"]
    photos = download_photos(tmp_path)
    photos.rename(photos.with_name(trials[0].dataset))
    degrade_test(trials=trials, raw=photos.parent, out=tmp_path / "bench", seed=0)
    reconstruct(
        model=MODEL,
        model_name="dncnn.tiny",
        weights=write_weights(tmp_path),
        benchmark=tmp_path / "bench",
        way="plain",
        out=tmp_path / "e1",
        threads=1,
        tile=TILE,
        precision="float32",
    )

    baseline(
        benchmark=tmp_path / "bench",
        out=tmp_path / "baselines",
    )

    loaded = loads_mlflow(
        "evaluate",
        experiment="e1",
        benchmark="bench",
        restored="e1",
        baselines="baselines",
        out="rows",
        metrics="metrics.json",
    )
    deliver()

    assert not loaded
    client = MlflowClient()
    (run,) = client.search_runs(["1"], f"tags.`restore.weights` = '{checksum(tmp_path)}'")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["test"] == "photos_test gaussian_25 gray-uint8"
    assert 0 < run.data.metrics["seconds_per_megapixel"] < 100
    recorded = run.data.metrics["photos_test/gaussian_25/gray-uint8/psnr"]
    assert recorded == pytest.approx(metrics["psnr"], abs=6e-3)
    stored = [
        item.path
        for folder in ("pictures", "scores")
        for item in client.list_artifacts(run.info.run_id, folder)
    ]
    assert stored == ["pictures/photos_test-gaussian_25.png", "scores/scores.csv"]


def test_an_empty_benchmark_is_refused(tmp_path: Path) -> None:
    restore_all(tmp_path, [trial()])
    write_trials(tmp_path / "bench", [trial(dataset="other")])

    with pytest.raises(ValueError, match="expected test images"):
        evaluate_all(tmp_path)


def test_the_identity_scores_as_its_input(tmp_path: Path) -> None:
    rows = baseline_rows(tmp_path, [trial(JPEG, baselines=["identity"])])

    assert len(psnrs_of(rows, INPUT)) == 3 * 2 * 2
    assert psnrs_of(rows, "identity") == psnrs_of(rows, INPUT)


def test_classical_denoisers_remove_noise(tmp_path: Path) -> None:
    methods = ["nl_means", "bayes_shrink", "tv"]
    rows = baseline_rows(tmp_path, [trial(NOISE, baselines=methods)])

    before = psnrs_of(rows, INPUT)
    assert {row["model"] for row in rows} == {INPUT, *methods}
    for method in methods:
        assert all(psnr > before[key] + 3 for key, psnr in psnrs_of(rows, method).items())


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "bicubic", "scale": 2, "quantise": False},
        {"kind": "bicubic", "scale": 1.7, "quantise": True},
        {
            "kind": "sequence",
            "steps": [
                {"kind": "blur", "sigma_px": 0.5, "draws": 1},
                {"kind": "bicubic", "scale": 3, "quantise": False, "result": "low"},
            ],
            "draws": 1,
        },
    ],
)
def test_bicubic_scores_the_same_for_small_and_interpolated_images(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    tables = {}
    for result in ("low", "interpolated"):
        folder = tmp_path / result
        small = degradation(**settings, result=result)
        trials = [trial(small, baselines=["bicubic", "identity"])]
        write_benchmark(folder, trials)
        baseline(benchmark=folder / "bench", out=folder / "rows")
        tables[result] = (folder / "rows" / "scores.csv").read_text()

    assert len(tables["low"].splitlines()) == 1 + 3 * 3 * 2
    assert tables["low"] == tables["interpolated"]


def test_a_benchmark_without_classical_methods_has_its_input_measured(tmp_path: Path) -> None:
    small = degradation(kind="bicubic", scale=2, quantise=False, result="interpolated")

    rows = baseline_rows(tmp_path, [trial(small)])

    assert {row["experiment"] for row in rows} == {INPUT}


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_short_format_is_noted_with_what_it_costs_at_every_level(
    tmp_path: Path, precision: str
) -> None:
    trials = [trial(degradation(kind="gaussian", sigma_8bit=[15, 50], quantise=False))]

    restored = restore_all(tmp_path, trials, precision)

    facts = json.loads((restored / "tiling.json").read_text())
    if facts["precision"] == "float32":
        pytest.skip(f"this machine only emulates {precision}")
    assert facts["precision"] == precision
    assert set(facts["loss"]) == {"set/gaussian_15", "set/gaussian_50"}
    assert all(0 < loss["rms_8bit"] <= loss["max_8bit"] < 5 for loss in facts["loss"].values())


# ----------------------------------------------------------------------- other ways, other images


def test_patches_without_surroundings_show_their_seams(tmp_path: Path) -> None:
    restored = restore_all(tmp_path, [trial()], way="patches")

    network = build_model(MODEL, seed=3).eval()
    for image in images_of(tmp_path / "bench"):
        found = np.load(restored_path(restored, image))
        whole = apply(image.degraded(), network, torch.device("cpu"))
        first = apply(image.degraded()[:12, :11], network, torch.device("cpu"))
        assert np.abs(found - whole).max() > 1e-3
        np.testing.assert_allclose(found[:12, :11], first, atol=1e-5)


def test_the_mean_of_flips_and_turns_is_another_result(tmp_path: Path) -> None:
    restored = restore_all(tmp_path, [trial()], way="self_ensemble")

    network = SelfEnsemble(build_model(MODEL, seed=3).eval())
    for image in images_of(tmp_path / "bench"):
        whole = apply(image.degraded(), network, torch.device("cpu"))
        np.testing.assert_allclose(np.load(restored_path(restored, image)), whole, atol=1e-5)


def test_a_shared_network_restores_colour_images_channel_by_channel(tmp_path: Path) -> None:
    shared = MODEL.model_copy(update={"channels": "shared"})

    restored = restore_all(tmp_path, [trial(colour="rgb")], model=shared)

    network = build_model(shared, seed=3).eval()
    for image in images_of(tmp_path / "bench"):
        found, degraded = np.load(restored_path(restored, image)), image.degraded()
        assert found.shape == degraded.shape == (*degraded.shape[:2], 3)
        alone = apply(degraded[..., 1:2], network, torch.device("cpu"))
        np.testing.assert_allclose(found[..., 1:2], alone, atol=1e-5)


def test_the_noise_of_every_test_image_is_known(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial()])

    sigmas = drawn_sigmas(bench)

    assert sigmas == {Path(f"set/gaussian_25/{name}.npy"): 25 for name in "abc"}


def test_a_network_that_is_told_the_noise_refuses_images_without_it(tmp_path: Path) -> None:
    bench = write_benchmark(tmp_path, [trial(JPEG)])

    with pytest.raises(ValueError, match=r"card.csv: expected a level of Gaussian noise .*jpeg_10"):
        drawn_sigmas(bench)


def test_perceptual_measures_stay_apart_from_psnr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = from_8bit(skimage.data.camera()[::2, ::2, None])
    monkeypatch.setattr("tests.stage.graph_data.photo", lambda _: camera)
    restore_all(tmp_path, [trial(perceptual=["niqe"], baselines=["tv"])])

    rows = evaluate_all(tmp_path)

    assert {row["protocol"] for row in rows} == {"gray-uint8", "gray-float"}
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    seen = read_table(tmp_path / "rows" / "perceptual.csv", Perceived)
    assert metrics["niqe"] == pytest.approx(np.mean([row.value for row in seen]), abs=1e-4)
    of_methods = read_table(tmp_path / "baselines" / "perceptual.csv", Perceived)
    assert [row.experiment for row in of_methods] == [*[CLEAN, INPUT, "tv"] * 3]
    clean, noisy, *_ = of_methods
    assert clean.value is not None
    assert noisy.value is not None
    assert noisy.value > clean.value


def test_without_perceptual_measures_their_tables_are_empty(tmp_path: Path) -> None:
    restore_all(tmp_path, [trial()])

    evaluate_all(tmp_path)

    assert "niqe" not in (tmp_path / "metrics.json").read_text()
    assert "perceptual" not in (tmp_path / "bench/trials.json").read_text()
    for folder in ("rows", "baselines"):
        assert read_table(tmp_path / folder / "perceptual.csv", Perceived) == []
