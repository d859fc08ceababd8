import math
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.arrays.tables import columns_of
from pipeline.literature.papers import read_papers
from pipeline.literature.published import (
    MEASURED,
    NOT_MEASURED,
    SHIPPED,
    Line,
    Number,
    joined,
    read_published,
    system_of_baseline,
    systems,
)
from pipeline.measuring.protocols import PROTOCOL_DEGRADATION

PSNR = "DnCNN-S,bsd68,gaussian_25,gray-uint8,psnr,29.23,false,a paper"
SSIM = "DnCNN-S,bsd68,gaussian_25,gray-uint8,ssim,0.8278,false,a paper"


def write(path: Path, *lines: str, header: str = ",".join(columns_of(Line))) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def shipped(system: str, protocol: str = "") -> list[Number]:
    return [
        number
        for number in read_published(SHIPPED)
        if number.system == system and protocol in {"", number.protocol}
    ]


def test_psnr_and_ssim_of_one_thing_are_joined(tmp_path: Path) -> None:
    numbers = read_published(write(tmp_path / "published.csv", PSNR, SSIM))

    found = joined(numbers)["DnCNN-S", "bsd68", "gaussian_25", "gray-uint8"]
    assert (found.psnr, found.ssim, found.from_memory) == (29.23, 0.8278, False)


def test_ssim_may_be_left_out(tmp_path: Path) -> None:
    found = joined(read_published(write(tmp_path / "published.csv", PSNR)))

    assert [entry.ssim for entry in found.values()] == [None]


@pytest.mark.parametrize(
    "rows", [(PSNR.replace("false", "true"), SSIM), (PSNR, SSIM.replace("false", "true"))]
)
def test_what_is_partly_from_memory_is_marked(tmp_path: Path, rows: tuple[str, str]) -> None:
    found = joined(read_published(write(tmp_path / "published.csv", *rows)))

    assert [entry.from_memory for entry in found.values()] == [True]


@pytest.mark.parametrize("protocol", sorted(NOT_MEASURED))
def test_what_nothing_here_measures_is_read_but_not_joined(tmp_path: Path, protocol: str) -> None:
    numbers = read_published(
        write(tmp_path / "published.csv", PSNR.replace("gray-uint8", protocol))
    )

    assert [number.protocol for number in numbers] == [protocol]
    assert joined(numbers) == {}


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (PSNR.replace("gray-uint8", "gray-uint"), "unknown protocol 'gray-uint'.*'gray-uint8'"),
        (PSNR.replace("gray-uint8", "?"), r"unknown protocol '\?'; expected one of: gray-float"),
        (PSNR.replace("psnr", "psnrs"), "unknown metric 'psnrs'.*'psnr'"),
        (PSNR.replace("29.23", "many"), "number from 0 to 100 for psnr.*'many'"),
        (PSNR.replace("29.23", "inf"), "number from 0 to 100 for psnr.*'inf'"),
        (PSNR.replace("29.23", "nan"), "number from 0 to 100 for psnr.*'nan'"),
        (PSNR.replace("29.23", "-1"), "number from 0 to 100 for psnr.*'-1'"),
        (PSNR.replace("29.23", ""), "value for value"),
        (SSIM.replace("0.8278", "82.78"), "number from 0 to 1 for ssim.*'82.78'"),
        (PSNR.replace("gaussian_25", "sigma25"), "degradation such as gaussian_25.*'sigma25'"),
        (PSNR.replace("gaussian_25", "gaussian_"), "degradation such as gaussian_25"),
        (PSNR.replace("gaussian_25", "gaussian_25x"), "degradation such as gaussian_25"),
        (PSNR.replace("gaussian_25", "jpeg_10_8bit"), "degradation such as gaussian_25"),
        (PSNR.replace("gaussian_25", "poisson_30"), "degradation such as gaussian_25"),
        (PSNR.replace("false", "no"), "true or false; came 'no'"),
        (PSNR.replace("a paper", ""), "value for source"),
        (PSNR.replace("a paper", "a paper, 2017"), "8 values, came 9; put a text with commas"),
        (PSNR.rpartition(",")[0], "8 values, came 7"),
        (PSNR.replace("29.23", "29.5"), "one psnr for DnCNN-S, bsd68.*; line 2 has it already"),
        (SSIM.replace("bsd68", "set12"), "psnr beside the ssim of DnCNN-S, set12"),
    ],
)
def test_a_wrong_row_is_refused_by_its_line(tmp_path: Path, row: str, complaint: str) -> None:
    path = write(tmp_path / "published.csv", PSNR, row)

    with pytest.raises(ValueError, match=rf"published.csv, line 3: .*{complaint}"):
        read_published(path)


@pytest.mark.parametrize(
    "header", ["", ",".join(columns_of(Line)[:-1]), ",".join(reversed(columns_of(Line)))]
)
def test_wrong_columns_are_refused(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "published.csv", PSNR, header=header)

    with pytest.raises(ValueError, match=r"published.csv, line 1: expected the columns system"):
        read_published(path)


@pytest.mark.parametrize(
    ("method", "degradation", "protocol", "system"),
    [
        ("identity", "gaussian_25", "gray-float", "Noisy input"),
        ("identity", "jpeg_10", "y-uint8", "JPEG"),
        ("identity", "bicubic_x2", "y-shave", "Bicubic"),
        ("identity", "paired", "sidd", "Noisy input"),
        ("bicubic", "bicubic_x4", "y-shave", "Bicubic"),
        ("bm3d", "gaussian_50", "gray-uint8", "BM3D"),
        ("bm3d", "gaussian_50", "rgb-uint8", "CBM3D"),
        ("bm3d", "jpeg_10", "gray-uint8", None),
        ("tv", "gaussian_25", "gray-uint8", None),
    ],
)
def test_classical_methods_have_the_names_of_the_literature(
    method: str, degradation: str, protocol: str, system: str | None
) -> None:
    assert system_of_baseline(method, degradation, protocol) == system
    assert system is None or system in systems()


# --------------------------------------------------------------- the numbers that are shipped


def test_the_strongest_systems_are_among_those_shipped() -> None:
    assert {"DRUNet", "SwinIR", "Restormer", "HAT", "HAT-L", "NAFNet"} <= set(systems())


def test_every_shipped_number_is_of_a_degradation_that_its_protocol_is_for() -> None:
    kinds = {str(protocol): kind for protocol, kind in PROTOCOL_DEGRADATION.items()}

    for number in read_published(SHIPPED):
        if number.protocol in MEASURED:
            kind = number.degradation.partition("_")[0]
            assert number.metric in {"psnr", "ssim"}, number
            assert kind == kinds.get(number.protocol, kind), number


def test_numbers_stand_at_levels_rounded_as_their_papers_rounded() -> None:
    papers = read_papers()
    compared = 0

    for number in read_published(SHIPPED):
        kind = number.degradation.partition("_")[0]
        tests = papers[number.system].tests if number.system in papers else {}
        rounded = next((how.quantised for name, how in tests.items() if name == kind), None)
        if rounded is not None:
            compared += 1
            assert number.degradation.endswith("_8bit") == rounded, number

    assert compared > 100


def test_shipped_noisy_inputs_follow_from_their_sigma() -> None:
    noisy = shipped("Noisy input", "gray-float")

    assert len(noisy) == 6
    for number in noisy:
        sigma = float(number.degradation.removeprefix("gaussian_"))
        assert number.value == pytest.approx(20 * math.log10(255 / sigma), abs=0.006)


def test_shipped_numbers_get_worse_as_the_degradation_does() -> None:
    series: dict[tuple[str, ...], dict[float, float]] = {}
    for number in read_published(SHIPPED):
        kind, _, level = number.degradation.removesuffix("_8bit").rpartition("_")
        if not kind:
            continue
        key = (number.system, number.data_set, kind, number.protocol, number.metric)
        value = float(level.lstrip("x")) * (-1 if kind == "jpeg" else 1)
        series.setdefault(key, {})[value] = number.value

    assert len(series) > 100
    for levels in series.values():
        ordered = [levels[value] for value in sorted(levels)]
        assert ordered == sorted(ordered, reverse=True)


@pytest.mark.parametrize(
    ("system", "place", "psnr", "ssim"),
    [
        ("DnCNN-S", ("set12", "gaussian_25", "gray-uint8"), 30.436, 0.8618),
        ("DnCNN-3", ("set5", "bicubic_x2_8bit", "y-shave-float"), 37.58, 0.9590),
        ("DnCNN-3", ("live1", "jpeg_40", "y-uint8"), 33.96, 0.9247),
        ("Bicubic", ("urban100", "bicubic_x4", "y-shave"), 23.14, 0.6577),
        ("CDnCNN-B", ("cbsd68", "gaussian_25", "rgb-uint8"), 31.23, None),
        ("EDSR", ("div2k_valid", "bicubic_x2_8bit", "rgb-ntire"), 35.03, None),
        ("NAFNet", ("sidd_validation", "paired", "sidd"), 40.30, None),
    ],
)
def test_shipped_anchors_are_those_of_the_papers(
    system: str, place: tuple[str, str, str], psnr: float, ssim: float | None
) -> None:
    found = joined(read_published(SHIPPED))[system, *place]

    assert (found.psnr, found.ssim, found.from_memory) == (psnr, ssim, False)


def test_ssim_of_another_definition_is_not_shipped() -> None:
    jpeg = joined(shipped("JPEG")).values()

    assert {entry.degradation for entry in jpeg if entry.ssim is None} == {"jpeg_30", "jpeg_40"}


def test_numbers_of_papers_that_were_not_read_are_marked() -> None:
    assert all(number.from_memory for number in shipped("Restormer", "gray-uint8"))
    assert all(number.from_memory for number in shipped("RED30", "own-code"))


def test_reading_needs_neither_numpy_nor_torch() -> None:
    code = (
        "import sys; from pipeline.literature.published import systems; systems(); "
        "sys.exit(bool({'numpy', 'torch'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
