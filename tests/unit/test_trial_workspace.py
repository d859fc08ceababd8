import json
import shutil
from pathlib import Path

import pytest

from pipeline.graph import dag
from pipeline.graph.trial_workspace import (
    Trial,
    TrialBusyError,
    TrialSourceError,
    TrialWorkspace,
)
from tests.toy import call, copy_toy, edit, make_toy, trace

TRIAL = Trial(name="new", experiment="old", changes=("recipe.steps=3",), entries={"a": {"b": {}}})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a toy in which everything has run."""
    root = make_toy(tmp_path_factory.mktemp("done"))
    (root / "pipeline").mkdir()
    (root / "pipeline" / "code.py").write_text("first")
    assert call(root, "dvc", "repro").returncode == 0
    return root


@pytest.fixture
def toy(done: Path, tmp_path: Path) -> Path:
    """Return a copy of it for one test."""
    root = copy_toy(done, tmp_path / "toy")
    trace(root)
    return root


def content(root: Path) -> dict[str, bytes]:
    """Return the files of a project, without DVC's own ones and those of tries."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {".dvc", ".restore"} & set(path.relative_to(root).parts)
    }


def test_a_workspace_takes_what_ran_already_from_the_cache_of_the_main_line(toy: Path) -> None:
    before = content(toy)
    workspace = TrialWorkspace(toy, "new")

    workspace.prepare("a: 1\n")
    code = workspace.run(["join"], {})

    assert code == 0
    assert trace(workspace.project) == []
    joined = (workspace.project / "out" / "join").read_bytes()
    assert joined == (toy / "out" / "join").read_bytes()
    assert (workspace.project / "params.yaml").read_text() == "a: 1\n"
    assert content(toy) == before


def test_a_main_line_is_not_changed_by_a_workspace_inside_of_it(toy: Path) -> None:
    TrialWorkspace(toy, "new").prepare("")

    assert [name for name, stage in dag.read_graph(toy).items() if stage.stale] == []


def test_code_is_a_copy_that_is_brought_up_to_date(toy: Path) -> None:
    workspace = TrialWorkspace(toy, "new")
    workspace.prepare("")
    copied = workspace.project / "pipeline" / "code.py"
    (toy / "pipeline" / "code.py").write_text("second")
    before = copied.read_text()
    (workspace.project / "pipeline" / "gone.py").touch()

    workspace.prepare("")

    assert (before, copied.read_text()) == ("first", "second")
    assert not copied.is_symlink()
    assert not (workspace.project / "pipeline" / "gone.py").exists()


def test_sources_that_are_no_code_are_found_where_they_are(toy: Path) -> None:
    photos = toy.parent / "photos"
    photos.mkdir()
    (toy / "own").mkdir()
    (toy / "own" / "a").write_text("mine")
    edit(toy / "dvc.yaml", "      - raw.txt\n", "      - raw.txt\n      - own\n      - ../photos\n")
    workspace = TrialWorkspace(toy, "new")

    workspace.prepare("")

    assert (workspace.project / "own" / "a").read_text() == "mine"
    assert (workspace.project / ".." / "photos").resolve() == photos
    assert call(toy, "dvc", "repro", "seed").returncode == 0
    trace(toy)
    assert workspace.run(["seed"], {}) == 0
    assert (workspace.project / "out" / "seed").read_text() == "-"
    assert trace(workspace.project) == []


def test_a_source_that_a_workspace_cannot_reach_is_refused(toy: Path) -> None:
    edit(toy / "dvc.yaml", "      - raw.txt\n", "      - raw.txt\n      - ../../../photos\n")
    (toy / "../../../photos").resolve().mkdir(exist_ok=True)

    with pytest.raises(TrialSourceError, match=r"^\.\./\.\./\.\./photos: expected a source in"):
        TrialWorkspace(toy, "new").prepare("")


def test_finished_downloads_are_lent_and_unfinished_ones_are_not(toy: Path) -> None:
    downloads = toy / "data" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "abc.zip").write_text("whole")
    (downloads / ".part").write_text("half")
    workspace = TrialWorkspace(toy, "new")

    workspace.prepare("")

    lent = workspace.project / "data" / "downloads"
    assert [path.name for path in lent.iterdir()] == ["abc.zip"]
    (lent / "abc.zip").unlink()
    assert (downloads / "abc.zip").read_text() == "whole"


def test_the_settings_of_dvc_are_those_of_the_main_line_but_for_the_cache(toy: Path) -> None:
    cache = toy.parent / "elsewhere"
    (toy / ".dvc" / "config.local").write_text(
        f"[cache]\n    dir = {cache}\n    type = copy\n['remote \"own\"']\n    url = /there\n"
    )
    workspace = TrialWorkspace(toy, "new")

    workspace.prepare("")

    assert dag.read_cache_folder(workspace.project) == cache
    assert dag.read_cache_links(workspace.project)[0] == ["copy"]
    assert "['remote \"own\"']" in (workspace.project / ".dvc" / "config.local").read_text()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "sqlite:///{root}/mlflow.db"),
        ("sqlite:///own.db", "sqlite:///{root}/own.db"),
        ("sqlite:////far/own.db", "sqlite:////far/own.db"),
        ("mlruns", "{root}/mlruns"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_the_tracker_is_that_of_the_main_line(
    given: str | None, expected: str, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if given is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    monkeypatch.setenv("RESTORE_MIRROR", "../mirror")
    workspace = TrialWorkspace(toy, "new")
    workspace.prepare("")
    with (toy / "dvc.yaml").open("a") as file:
        file.write("  say:\n    cmd: echo $MLFLOW_TRACKING_URI $RESTORE_MIRROR > said\n")
        file.write("    outs: [said]\n")
    shutil.copyfile(toy / "dvc.yaml", workspace.project / "dvc.yaml")

    assert workspace.run(["say"], {}) == 0

    tracker, mirror = (workspace.project / "said").read_text().split()
    assert tracker == expected.format(root=toy)
    assert mirror == str(toy / "../mirror")


def test_a_stage_that_fails_gives_its_exit_code_and_leaves_the_main_line_alone(toy: Path) -> None:
    before = content(toy)
    workspace = TrialWorkspace(toy, "new")
    workspace.prepare("")
    edit(workspace.project / "dvc.yaml", "python work.py aside", "false")

    assert workspace.run(["aside"], {}) != 0
    assert content(toy) == before


def test_a_workspace_remembers_what_it_is_for(toy: Path) -> None:
    workspace = TrialWorkspace(toy, "new")

    assert workspace.read() is None
    assert TrialWorkspace.all(toy) == []
    workspace.write(TRIAL)

    assert workspace.read() == TRIAL
    assert [one.folder.name for one in TrialWorkspace.all(toy)] == ["new"]
    assert json.loads((workspace.folder / "try.json").read_text())["experiment"] == "old"


def test_one_try_is_run_once_at_a_time(toy: Path) -> None:
    workspace = TrialWorkspace(toy, "new")

    with workspace.alone():
        with pytest.raises(TrialBusyError, match="the try new is busy"), workspace.alone():
            pass
        with TrialWorkspace(toy, "other").alone():
            pass
    with workspace.alone():
        pass


def test_removing_a_workspace_follows_no_links(toy: Path) -> None:
    (toy / ".restore").mkdir(exist_ok=True)
    (toy / ".restore" / "machine.json").write_text("{}")
    before = content(toy)
    workspace = TrialWorkspace(toy, "new")
    workspace.prepare("")
    workspace.run(["join"], {})
    linked = (workspace.project / ".restore").readlink()

    workspace.remove()

    assert linked == toy / ".restore"
    assert not workspace.folder.exists()
    assert (toy / ".restore" / "machine.json").read_text() == "{}"
    assert content(toy) == before
    assert call(toy, "dvc", "status", "--quiet").returncode == 0
