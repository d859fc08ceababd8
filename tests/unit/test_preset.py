import shutil
from pathlib import Path

import pytest

from pipeline.checking.params_file import ParamsError, load_params
from pipeline.checking.preset import PresetError, list_presets, take_preset
from tests.toy import edit

SHIPPED = Path(__file__).parents[2] / "pipeline" / "checking" / "presets"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project with two presets, of which ``first`` is in force."""
    presets = tmp_path / "pipeline" / "checking" / "presets"
    presets.mkdir(parents=True)
    text = (SHIPPED / "smoke.yaml").read_text()
    (presets / "first.yaml").write_text(text)
    (presets / "second.yaml").write_text(text.replace("seed: 0", "seed: 1"))
    shutil.copyfile(presets / "first.yaml", tmp_path / "params.yaml")
    return tmp_path


def test_presets_are_listed_with_what_they_are_for(root: Path) -> None:
    (root / "pipeline" / "checking" / "presets" / "first.yaml").write_text(
        "# yaml-language-server: $schema=x.json\n# Preset for one\n# thing. And more.\nseed: 0\n"
    )

    assert list_presets(root)["first"] == "Preset for one thing"


def test_a_preset_takes_the_place_of_another(root: Path) -> None:
    copy = take_preset(root, "second", force=False)

    assert copy is None
    assert load_params(root / "params.yaml").seed == 1
    assert sorted(path.name for path in root.iterdir()) == ["params.yaml", "pipeline"]


def test_a_preset_fills_in_a_missing_file(root: Path) -> None:
    (root / "params.yaml").unlink()

    take_preset(root, "second", force=False)

    assert load_params(root / "params.yaml").seed == 1


def test_own_edits_are_not_lost(root: Path) -> None:
    edit(root / "params.yaml", "seed: 0", "seed: 7")

    with pytest.raises(PresetError, match=r"edits of your own.*--force"):
        take_preset(root, "second", force=False)

    assert load_params(root / "params.yaml").seed == 7


def test_replaced_edits_are_kept_in_a_copy_each_time(root: Path) -> None:
    copies = []
    for seed in (7, 8):
        edit(root / "params.yaml", "seed: 0", f"seed: {seed}")
        copies.append(take_preset(root, "first", force=True))

    assert [copy.name for copy in copies if copy] == ["params.yaml.bak", "params.yaml.bak2"]
    assert [load_params(copy).seed for copy in copies if copy] == [7, 8]


def test_an_unknown_preset_is_refused_with_those_known(root: Path) -> None:
    with pytest.raises(PresetError, match="'third'; expected one of: first, second"):
        take_preset(root, "third", force=False)


def test_a_preset_with_faults_changes_nothing(root: Path) -> None:
    edit(root / "pipeline" / "checking" / "presets" / "second.yaml", "seed: 1", "sead: 1")

    with pytest.raises(ParamsError, match="sead"):
        take_preset(root, "second", force=True)

    assert load_params(root / "params.yaml").seed == 0
