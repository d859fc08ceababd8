"""What ``dvc.lock`` tells of where a result comes from."""

from pathlib import Path

import pytest

from pipeline.graph.recorded_stages import (
    RecordedStage,
    RecordError,
    last_of,
    makers_of,
    origins_of,
    read_recorded,
)
from tests.recorded_project import LOCK_FILE


@pytest.fixture
def stages(tmp_path: Path) -> dict[str, RecordedStage]:
    (tmp_path / "dvc.lock").write_text(LOCK_FILE)
    return read_recorded(tmp_path)


def test_a_stage_is_read_with_its_settings_and_checksums(stages: dict[str, RecordedStage]) -> None:
    train = stages["train@small"]

    assert train.params == {"seed": 0, "recipes.quick": {"steps": 750}}
    assert train.reads["data/pairs/noise"] == "c" * 32 + ".dir"
    assert train.writes == {"data/models/small": "d" * 32 + ".dir"}


@pytest.mark.parametrize(
    ("path", "makers"),
    [
        ("data/models/small", {"data/models/small": "train@small"}),
        ("data/models/small/card.json", {"data/models/small": "train@small"}),
        (
            "data/raw",
            {"data/raw/faces": "download@faces", "data/raw/photos": "download@photos"},
        ),
        ("data/models/smaller", {}),
        ("README.md", {}),
    ],
)
def test_what_wrote_a_path_is_what_wrote_it_or_something_in_it(
    path: str, makers: dict[str, str], stages: dict[str, RecordedStage]
) -> None:
    assert makers_of(path, stages) == makers


def test_of_a_folder_that_several_write_into_the_named_ones_are_origins(
    stages: dict[str, RecordedStage],
) -> None:
    origins = origins_of(stages["degrade@noise"], stages)

    assert origins.stages == ["download@photos"]
    assert origins.others == {"data/raw": 1}


def test_where_no_one_is_named_all_are_origins(stages: dict[str, RecordedStage]) -> None:
    origins = origins_of(stages["count"], stages)

    assert origins.stages == ["download@faces", "download@photos"]
    assert origins.others == {}


def test_an_input_that_was_written_anew_since_is_told(stages: dict[str, RecordedStage]) -> None:
    assert origins_of(stages["train@small"], stages).replaced == []
    assert origins_of(stages["evaluate@small"], stages).replaced == ["data/models/small"]


def test_sources_are_what_the_command_names_and_no_code(stages: dict[str, RecordedStage]) -> None:
    assert stages["download@photos"].sources == ["catalogue/photos"]


def test_the_last_of_some_stages_is_what_no_other_of_them_needs(
    stages: dict[str, RecordedStage],
) -> None:
    assert last_of(["train@small", "evaluate@small"], stages) == ["evaluate@small"]
    assert last_of(["download@photos", "download@faces"], stages) == [
        "download@photos",
        "download@faces",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "nothing has run yet"),
        ("", "expected the record of stages"),
        ("stages: [", "expected the record of stages"),
        ("stages: {a: {outs: []}}", "expected the record of stages"),
    ],
)
def test_a_record_that_is_none_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "dvc.lock").write_text(text)

    with pytest.raises(RecordError, match=said):
        read_recorded(tmp_path)
