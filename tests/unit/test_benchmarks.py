import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.degradations.levels import levels, scale_of
from pipeline.images.benchmarks import (
    degraded_images,
    images_of,
    restored_path,
    smallest_side,
    write_trials,
)
from pipeline.images.files import write_png
from pipeline.images.resize import resize
from pipeline.measuring.metrics import measure
from pipeline.measuring.protocols import applicable
from pipeline.settings.params import Trial, TrialColour


def trial(dataset: str, degradation: dict[str, Any]) -> Trial:
    return Trial.model_validate(
        {
            "dataset": dataset,
            "colour": "gray",
            "degradation": degradation,
            "protocols": ["gray-uint8"],
            "baselines": [],
        }
    )


NOISE = trial("b_set", {"kind": "gaussian", "sigma_8bit": [25, 15], "quantise": False})
SMALL = trial("a_set", {"kind": "bicubic", "scale": 3, "quantise": False, "result": "interpolated"})

PLACES = {
    "b_set/gaussian_25": ["e", "two.1", "c", "one", "a", "d"],
    "b_set/gaussian_15": ["two.1", "one"],
    "a_set/bicubic_x3": ["one"],
}
"""Names of the images by data set and level."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a benchmark whose pixels say which image they belong to."""
    for number, (place, names) in enumerate(PLACES.items()):
        for kind in ("clean", "degraded"):
            (tmp_path / place / kind).mkdir(parents=True)
        for position, name in enumerate(names):
            clean = np.full((8, 9, 1), np.float32((10 * number + position) / 255))
            write_png(tmp_path / place / "clean" / f"{name}.png", clean)
            np.save(tmp_path / place / "degraded" / f"{name}.npy", clean - np.float32(0.5))
    (tmp_path / "card.csv").write_text("data_set\n")
    write_trials(tmp_path, [NOISE, SMALL])
    return tmp_path


def test_images_come_by_trial_by_level_by_name(folder: Path) -> None:
    found = [(image.place.as_posix(), image.name) for image in images_of(folder)]

    assert found == [
        *[("b_set/gaussian_25", name) for name in ("a", "c", "d", "e", "one", "two.1")],
        ("b_set/gaussian_15", "one"),
        ("b_set/gaussian_15", "two.1"),
        ("a_set/bicubic_x3", "one"),
    ]


def test_image_has_its_clean_and_its_degraded_version(folder: Path) -> None:
    images = list(images_of(folder))

    grays = [round(255 * float(image.clean()[0, 0, 0])) for image in images]

    assert grays == [4, 2, 5, 0, 3, 1, 11, 10, 20]
    for image in images:
        assert image.degraded().dtype == np.float32
        assert np.allclose(image.degraded(), image.clean() - 0.5)


def test_image_of_full_size_is_not_interpolated(folder: Path) -> None:
    for image in images_of(folder):
        assert np.array_equal(image.interpolated(), image.degraded())


def test_small_image_is_interpolated_to_the_size_of_the_clean_one(folder: Path) -> None:
    small = SMALL.degradation.model_copy(update={"result": "low"})
    write_trials(folder, [SMALL.model_copy(update={"degradation": small})])

    (image,) = images_of(folder)
    degraded = np.random.default_rng(0).random((3, 3, 1), dtype=np.float32)
    np.save(folder / image.place / "degraded" / "one.npy", degraded)

    interpolated = image.interpolated()

    assert np.array_equal(image.degraded(), degraded)
    assert np.array_equal(interpolated, resize(degraded, 8, 9))


def test_only_super_resolution_has_a_scale(folder: Path) -> None:
    scales = {image.level.label: image.scale for image in images_of(folder)}

    assert scales == {"gaussian_25": 1, "gaussian_15": 1, "bicubic_x3": 3}


def test_trial_without_images_yields_none(folder: Path) -> None:
    absent = trial("c_set", {"kind": "paired"})

    write_trials(folder, [absent])

    assert list(images_of(folder)) == []


def test_every_degraded_image_is_found_without_the_trials(folder: Path) -> None:
    found = {(place.as_posix(), path.stem) for place, path in degraded_images(folder)}

    assert found == {(place, name) for place, names in PLACES.items() for name in names}


def test_restored_image_lies_at_the_same_place(folder: Path) -> None:
    places = {restored_path(Path("restored"), image).as_posix() for image in images_of(folder)}

    expected = {
        f"restored/{place.as_posix()}/{path.name}" for place, path in degraded_images(folder)
    }
    assert places == expected


@pytest.mark.parametrize("scale", [2, 3, 2.5])
@pytest.mark.parametrize("colour", ["gray", "y", "rgb", "y_of_rgb"])
@pytest.mark.parametrize("kind", ["gaussian", "bicubic"])
def test_the_smallest_image_is_the_smallest_that_every_protocol_can_measure(
    kind: str, colour: TrialColour, scale: float
) -> None:
    settings = {
        "gaussian": {"kind": "gaussian", "sigma_8bit": 25, "quantise": False},
        "bicubic": {"kind": "bicubic", "scale": scale, "quantise": False, "result": "low"},
    }
    one = trial("a_set", settings[kind]).model_copy(update={"colour": colour})
    (level,) = levels(one.degradation)
    side, channels = smallest_side(one, level), 3 if colour == "rgb" else 1
    fitting = np.zeros((side, side, channels), np.float32)
    protocols = applicable(colour, one.degradation)

    for protocol in protocols:
        measure(protocol, fitting, fitting, scale_of(level))
    refused = 0
    for protocol in protocols:
        with contextlib.suppress(ValueError):
            measure(protocol, fitting[1:], fitting[1:], scale_of(level))
            continue
        refused += 1
    assert refused
