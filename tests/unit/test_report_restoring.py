import json
from pathlib import Path

import pytest

from pipeline.report.reconstructions import Restoring, read_restoring

LOSS = {
    "set5/jpeg_10": {"max_8bit": 1.5, "mean_8bit": 0.02, "rms_8bit": 0.03},
    "set5/jpeg_40": {"max_8bit": 0.9, "mean_8bit": 0.03, "rms_8bit": 0.05},
}


def test_the_largest_loss_of_all_levels_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tiling.json"
    facts = {"way": "plain", "tile": 256, "halo": 17, "precision": "bfloat16", "loss": LOSS}
    path.write_text(json.dumps(facts))

    assert read_restoring(path, "reconstruct@net") == Restoring(
        "plain", 256, 17, True, "bfloat16", 0.05, 1.5
    )


def test_float32_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tiling.json"
    path.write_text('{"way": "patches", "tile": 256, "halo": null, "precision": "float32"}')

    assert read_restoring(path, "reconstruct@net") == Restoring(
        "patches", 256, None, True, "float32", None, None
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tile": null}', '{"halo": 3, "tile": 4}'])
def test_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tiling.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"tiling.json: .*dvc repro --force reconstruct@net"):
        read_restoring(path, "reconstruct@net")


def test_a_missing_file_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro reconstruct@net"):
        read_restoring(tmp_path / "tiling.json", "reconstruct@net")
