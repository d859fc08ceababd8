from pathlib import Path

import pytest

from pipeline.params_file import ParamsError
from stages.check import check
from tests.project import ROOT


def test_valid_params_give_the_same_output_whatever_they_are(tmp_path: Path) -> None:
    for preset in ("quick", "smoke"):
        check(params=ROOT / f"pipeline/presets/{preset}.yaml", out=tmp_path / preset)

    assert (tmp_path / "quick").read_bytes() == (tmp_path / "smoke").read_bytes()


def test_faulty_params_are_refused_and_leave_no_output(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("seed: zero\n")

    with pytest.raises(ParamsError, match="seed"):
        check(params=params, out=tmp_path / "out")

    assert list(tmp_path.iterdir()) == [params]


def test_a_patch_smaller_than_the_receptive_field_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(params=ROOT / "pipeline/presets/paper.yaml", out=tmp_path / "out")

    assert "warning: experiments.red30_50" in capsys.readouterr().err
