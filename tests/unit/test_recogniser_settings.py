"""Settings of networks that recognise: rows of a YAML file are taken, impossible values refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.checking.params_file import read_yaml
from pipeline.models.mobilenet_v1.settings import MobileNetV1
from pipeline.models.recogniser_parts.settings import Recogniser
from tests.unit.recogniser_examples import (
    SMALL_V1,
    hybridsn,
    mobilenet_v1,
    mobilenet_v2,
    se_resnet,
)


def test_rows_are_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("blocks: [[64, 1], [128, 2]]\n", encoding="utf-8")

    settings = MobileNetV1.model_validate({**SMALL_V1, **read_yaml(path)})

    assert settings.blocks == [(64, 1), (128, 2)]
    assert MobileNetV1.model_validate_json(settings.model_dump_json()) == settings


def test_which_pixels_are_fitted_is_no_matter_of_the_network() -> None:
    every, train = hybridsn(fit_on="all"), hybridsn(fit_on="train")

    assert every.options == train.options
    assert "fit_on" not in every.options
    assert every != train


@pytest.mark.parametrize(
    ("example", "changed", "message"),
    [
        (mobilenet_v1, {"width": 0.0}, "width"),
        (mobilenet_v1, {"resolution": -1.0}, "resolution"),
        (mobilenet_v1, {"stem_stride": 3}, "stem_stride"),
        (mobilenet_v1, {"blocks": []}, "blocks"),
        (mobilenet_v1, {"blocks": [[64, 3]]}, r"blocks\.0\.1"),
        (mobilenet_v1, {"blocks": [[64]]}, r"blocks\.0\.1"),
        (mobilenet_v1, {"blocks": [[64, 1, 1]]}, r"blocks\.0"),
        (mobilenet_v1, {"blocks": [[64.0, 1]]}, r"blocks\.0\.0"),
        (mobilenet_v1, {"blocks": [64, 1]}, r"blocks\.0"),
        (mobilenet_v1, {"separable": "yes"}, "separable"),
        (mobilenet_v1, {"squeeze": -1}, "squeeze"),
        (mobilenet_v2, {"stages": []}, "stages"),
        (mobilenet_v2, {"stages": [[0, 16, 1, 1]]}, r"stages\.0\.0"),
        (mobilenet_v2, {"stages": [[1, 16, 1, 4]]}, r"stages\.0\.3"),
        (mobilenet_v2, {"activation": "none"}, "activation"),
        (mobilenet_v2, {"dropout": 1.0}, "dropout"),
        (se_resnet, {"blocks": []}, "blocks"),
        (se_resnet, {"blocks": [0]}, r"blocks\.0"),
        (se_resnet, {"stem": "large"}, "stem"),
        (hybridsn, {"window": 8}, "an odd window.* came 8"),
        (hybridsn, {"window": 1}, "window"),
        (hybridsn, {"window": 5}, "a window of at least 7, .* 3 convolutions .* came 5"),
        (hybridsn, {"components": 4}, "at least 5 components, .* take 4 of them; came 4"),
        (hybridsn, {"spectral": [[4, 0]]}, r"spectral\.0\.1"),
        (hybridsn, {"fit_on": "test"}, "fit_on"),
    ],
)
def test_what_cannot_be_is_refused(
    example: Callable[..., Recogniser], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        example(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"window": 7},
        {"components": 5},
        {"window": 3, "components": 1, "spectral": [], "spatial": [2]},
        {"window": 3, "components": 3, "spectral": [[2, 3]], "spatial": []},
    ],
)
def test_the_smallest_windows_and_fewest_components_are_taken(changed: dict[str, Any]) -> None:
    hybridsn(**changed)
