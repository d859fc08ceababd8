import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays.tables import columns_of
from pipeline.recognition.scoring.answers import (
    Answers,
    Inputs,
    SampleRow,
    classified,
    read_inputs,
    read_samples,
    retrieved,
    write_inputs,
    write_samples,
)

HEADER = ",".join(columns_of(SampleRow))
ROW = "faces,accuracy,7,face,face,1"
STAGE = "recognise@net"
CARD = {
    "task": "faces",
    "from": None,
    "degradation": None,
    "restored_by": None,
    "model": None,
    "psnr": None,
    "psnr_input": None,
}


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "samples.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def parts(answers: Answers) -> tuple[object, ...]:
    return (
        answers.input,
        answers.measure,
        tuple(answers.samples),
        tuple(answers.labels),
        tuple(answers.predicted),
        answers.values.tolist(),
    )


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    precisions = np.array([1 / 3, 0.1 + 0.2, 1.0])
    written = [
        classified("faces", [3, 9], ["face", "wall"], ["face", "face"]),
        classified("faces, noisy", [3, 9], ["face", "wall"], ["wall", "wall"]),
        retrieved("pairs", "map_image_to_text", range(3), ["a", "b", "a"], precisions),
    ]
    write_samples(tmp_path, written)

    found = read_samples(tmp_path, STAGE)

    assert list(map(parts, found)) == list(map(parts, written))
    assert written[0].values.tolist() == [1.0, 0.0]


def test_a_value_that_is_whole_is_written_without_a_point(tmp_path: Path) -> None:
    write_samples(tmp_path, [classified("faces", [7], ["face"], ["face"])])

    assert (tmp_path / "samples.csv").read_text() == f"{HEADER}\n{ROW}\n"


def test_rows_of_an_input_need_not_stand_together(tmp_path: Path) -> None:
    write(tmp_path, ROW, ROW.replace("faces", "noisy"), ROW.replace("7", "8"))

    found = read_samples(tmp_path, STAGE)

    assert [(one.input, one.samples) for one in found] == [("faces", ("7", "8")), ("noisy", ("7",))]


def test_a_hundred_thousand_rows_are_sorted_by_input(tmp_path: Path) -> None:
    rows = [
        f"input_{at % 10},accuracy,{at},class_{at % 7},class_{at % 5},0" for at in range(100_000)
    ]
    write(tmp_path, *rows)

    found = read_samples(tmp_path, STAGE)

    assert [len(one.values) for one in found] == [10_000] * 10


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "at least one test sample, came none"),
        ([ROW, ROW], "one row for a sample and measure, came two for input 'faces'"),
        (
            [ROW, "faces,accuracy,8,face,face"],
            "line 3: expected 6 values, came 5",
        ),
        ([ROW.replace("accuracy", "psnr")], "line 2: unknown measure 'psnr'.*accuracy"),
        ([ROW.replace(",1", ",1.5")], "values from 0 to 1"),
        ([ROW.replace(",1", ",nan")], "line 2: expected a finite number for value, came 'nan'"),
        ([ROW.replace(",1", ",yes")], "line 2: expected a finite number for value, came 'yes'"),
    ],
)
def test_a_file_that_the_stage_does_not_write_is_refused(
    tmp_path: Path, rows: list[str], complaint: str
) -> None:
    write(tmp_path, *rows)

    with pytest.raises(ValueError, match=rf"samples.csv(: .*|, ){complaint}.*--force {STAGE}'"):
        read_samples(tmp_path, STAGE)


@pytest.mark.parametrize("header", ["", "input,sample,label", HEADER.replace("label", "class")])
def test_wrong_columns_are_refused_by_the_stage_to_run(tmp_path: Path, header: str) -> None:
    write(tmp_path, ROW, header=header)

    with pytest.raises(ValueError, match=rf"line 1: expected the columns input.*{STAGE}'"):
        read_samples(tmp_path, STAGE)


def test_missing_files_name_the_stage_that_writes_them(tmp_path: Path) -> None:
    for read in (read_samples, read_inputs):
        with pytest.raises(FileNotFoundError, match=rf"'dvc repro {STAGE}'"):
            read(tmp_path, STAGE)


def test_inputs_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = Inputs(kind="images", classes=("face", "wall"), cards={"faces": CARD})
    write_inputs(tmp_path, written)

    assert read_inputs(tmp_path, STAGE) == written


@pytest.mark.parametrize(
    "facts",
    [
        [],
        {"kind": "images", "classes": []},
        {"kind": "sounds", "classes": [], "inputs": {}},
        {"kind": "images", "classes": [], "inputs": {"faces": {"from": None}}},
        {"kind": "images", "classes": [], "inputs": {"faces": {**CARD, "psnr": float("nan")}}},
        {"kind": "images", "classes": [], "inputs": {"faces": {**CARD, "psnr": "high"}}},
        {"kind": "images", "classes": [], "inputs": {"faces": 5}},
    ],
)
def test_inputs_of_another_form_are_refused(tmp_path: Path, facts: object) -> None:
    (tmp_path / "inputs.json").write_text(json.dumps(facts))

    with pytest.raises(ValueError, match=rf"inputs.json: expected kind.*--force {STAGE}'"):
        read_inputs(tmp_path, STAGE)
