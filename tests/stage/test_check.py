from pathlib import Path

import pytest

from pipeline.checking.params_file import ParamsError
from stages.check import check
from tests.project import ROOT


def test_valid_params_give_the_same_output_whatever_they_are(tmp_path: Path) -> None:
    for preset in ("quick", "smoke"):
        check(
            params=ROOT / f"pipeline/checking/presets/{preset}.yaml",
            out=tmp_path / preset,
            random=tmp_path / f"{preset}-random",
        )

    assert (tmp_path / "quick").read_bytes() == (tmp_path / "smoke").read_bytes()
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / f"{preset}-random").iterdir()}
        for preset in ("quick", "smoke")
    )
    assert one == other


def test_the_random_start_has_no_weights(tmp_path: Path) -> None:
    check(
        params=ROOT / "pipeline/checking/presets/smoke.yaml",
        out=tmp_path / "out",
        random=tmp_path / "random",
    )

    assert [path.name for path in (tmp_path / "random").iterdir()] == ["README.md"]


def test_faulty_params_are_refused_and_leave_no_output(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("seed: zero\n")

    with pytest.raises(ParamsError, match="seed"):
        check(params=params, out=tmp_path / "out", random=tmp_path / "random")

    assert list(tmp_path.iterdir()) == [params]


def test_a_patch_smaller_than_the_receptive_field_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(
        params=ROOT / "pipeline/checking/presets/paper.yaml",
        out=tmp_path / "out",
        random=tmp_path / "random",
    )

    assert "warning: experiments.red30_50" in capsys.readouterr().err
