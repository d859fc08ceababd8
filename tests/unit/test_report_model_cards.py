import json
from pathlib import Path

import pytest

from pipeline.report.model_cards import read_card

CARD = {"model": {"class": "DnCNN"}, "parameters": 9, "weights_sha256": "ab"}


def test_a_card_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(CARD))

    assert read_card(path, "train@net") == CARD


@pytest.mark.parametrize("text", ["", "[]", '{"model": {}}'])
def test_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"card.json: .*dvc repro --force train@net"):
        read_card(path, "train@net")


def test_a_missing_card_names_the_stage_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro train@net"):
        read_card(tmp_path / "card.json", "train@net")
