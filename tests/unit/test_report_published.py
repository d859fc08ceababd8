import math
from pathlib import Path

import pytest

from pipeline.report.published import COLUMNS, read_published

SHIPPED = Path(__file__).parents[2] / "pipeline" / "published.csv"

GOOD = "dncnn.dncnn_s,DnCNN-S,bsd68,gaussian_25,gray-uint8,29.23,0.8278,a paper,true"


def write(path: Path, *lines: str, header: str = ",".join(COLUMNS)) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_verified_number_is_found_by_model_data_level_and_protocol(tmp_path: Path) -> None:
    found = read_published(write(tmp_path / "published.csv", GOOD))

    entry = found["dncnn.dncnn_s", "bsd68", "gaussian_25", "gray-uint8"]
    assert (entry.psnr, entry.ssim, entry.system) == (29.23, 0.8278, "DnCNN-S")


def test_a_number_that_was_not_verified_is_not_compared_with(tmp_path: Path) -> None:
    remembered = GOOD.replace("true", "false")

    assert read_published(write(tmp_path / "published.csv", remembered)) == {}


def test_ssim_may_be_left_out(tmp_path: Path) -> None:
    found = read_published(write(tmp_path / "published.csv", GOOD.replace("0.8278", "")))

    assert [entry.ssim for entry in found.values()] == [None]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (GOOD.replace("gray-uint8", "psnr"), "protocol.*'psnr'"),
        (GOOD.replace("29.23", "many"), "number for psnr.*'many'"),
        (GOOD.replace("29.23", "inf"), "number for psnr.*'inf'"),
        (GOOD.replace("29.23", ""), "value for psnr"),
        (GOOD.replace("0.8278", "high"), "number for ssim.*'high'"),
        (GOOD.replace("true", "yes"), "true or false.*'yes'"),
        (GOOD.replace("a paper", ""), "value for source"),
        (GOOD.replace("a paper", "a paper, 2017"), "9 values, came 10"),
        (GOOD.rpartition(",")[0], "9 values, came 8"),
        (GOOD.replace("29.23", "29.5"), "one row for dncnn.dncnn_s.*line 2"),
    ],
)
def test_a_wrong_row_is_refused_by_its_line(tmp_path: Path, row: str, complaint: str) -> None:
    path = write(tmp_path / "published.csv", GOOD, row)

    with pytest.raises(ValueError, match=rf"published.csv, line 3: .*{complaint}"):
        read_published(path)


@pytest.mark.parametrize("header", ["", ",".join(COLUMNS[:-1]), ",".join(reversed(COLUMNS))])
def test_wrong_columns_are_refused(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "published.csv", GOOD, header=header)

    with pytest.raises(ValueError, match=r"published.csv, line 1: expected the columns model"):
        read_published(path)


def test_the_shipped_numbers_are_well_formed() -> None:
    found = read_published(SHIPPED)

    assert {entry.data_set for entry in found.values()} == {
        *("bsd68", "set12", "cbsd68", "set5", "set14", "classic5", "live1")
    }
    assert all(10 < entry.psnr < 50 for entry in found.values())
    assert all(entry.ssim is None or 0.4 < entry.ssim < 1 for entry in found.values())


def test_shipped_noisy_inputs_follow_from_their_sigma() -> None:
    noisy = [
        entry
        for entry in read_published(SHIPPED).values()
        if entry.model == "identity" and entry.degradation.startswith("gaussian")
    ]

    assert len(noisy) == 6
    for entry in noisy:
        sigma = float(entry.degradation.removeprefix("gaussian_"))
        assert entry.psnr == pytest.approx(20 * math.log10(255 / sigma), abs=0.006)


def test_shipped_numbers_get_worse_as_the_degradation_does() -> None:
    series: dict[tuple[str, str, str, str], dict[float, float]] = {}
    for entry in read_published(SHIPPED).values():
        kind, _, level = entry.degradation.rpartition("_")
        key = (entry.model, entry.data_set, kind, entry.protocol)
        value = float(level.lstrip("x")) * (-1 if kind == "jpeg" else 1)
        series.setdefault(key, {})[value] = entry.psnr

    for levels in series.values():
        ordered = [levels[value] for value in sorted(levels)]
        assert ordered == sorted(ordered, reverse=True)
