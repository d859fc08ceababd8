"""``restore lineage``: the chain that it prints, and when what is there is not of that chain."""

import json
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.running.tracking import Tracker
from tests.recorded_project import LOCK_FILE
from tests.toy import call, copy_toy, make_toy

FOLDER = """\
  folder:
    cmd: mkdir -p tree && echo a > tree/a
    deps:
      - out/seed
    outs:
      - tree
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a toy in which everything has run, with a stage that writes a folder."""
    root = make_toy(tmp_path_factory.mktemp("done"))
    with (root / "dvc.yaml").open("a") as file:
        file.write(FOLDER)
    assert call(root, "dvc", "repro").returncode == 0
    return root


@pytest.fixture
def toy(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it for one test, which is the current folder too."""
    root = copy_toy(done, tmp_path / "toy")
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return root


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project that has a record of stages, which is the current folder too."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "dvc.lock").write_text(LOCK_FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.usefixtures("recorded")
def test_the_chain_goes_from_an_experiment_back_to_the_raw_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["lineage", "small"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "evaluate@small",
        "    wrote  data/evaluated/small  ffffffffffff",
        "    stale  data/models/small has been written anew since; it read eeeeeeeeeeee",
        "  train@small",
        "      wrote  data/models/small  dddddddddddd",
        "      set    seed 0, recipes.quick (steps 750)",
        "    degrade@noise",
        "        wrote  data/pairs/noise  cccccccccccc",
        "        set    patches.gray (dataset photos)",
        "        also   1 more wrote into data/raw, which its settings do not name",
        "      download@photos",
        "          wrote  data/raw/photos  bbbbbbbbbbbb",
        "          set    datasets.photos skimage (images moon)",
        "          source catalogue/photos  999999999999",
        "    after  degrade@noise (above)",
    ]


def test_the_card_of_weights_and_the_count_of_raw_images_are_in_the_chain(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = {
        "weights_sha256": "0123456789abcdef",
        "steps": 12_000,
        "training_seconds": 3723.4,
        "commit": "fedcba9876543210",
        "edited": " M pipeline/training/step.py",
    }
    (recorded / "data/models/small").mkdir(parents=True)
    (recorded / "data/models/small/card.json").write_text(json.dumps(card))
    (recorded / "data/raw/photos").mkdir(parents=True)
    (recorded / "data/raw/photos/images.csv").write_text("image,sha256\nmoon,0\nrocket,1\n")

    assert cli.main(["lineage", "train@small"]) == 0

    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "card weights 0123456789ab, 12,000 steps, trained 3,723 s, commit fedcba987654, with "
        "edited files"
    ) in printed
    assert "files 2, the sha256 of each in data/raw/photos/images.csv" in printed


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("width", [24, 50, 80])
def test_no_line_is_wider_than_the_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    assert cli.main(["lineage", "small"]) == 0

    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("smal", "the nearest known one is 'small'"),
        ("data/none", "data/none: no such file in this project, and no stage wrote it"),
        ("data/raw", "2 stages wrote into this; name one of: data/raw/faces, data/raw/photos"),
        ("dvc.yaml", "no stage in dvc.lock wrote this; expected something below data/"),
        ("0" * 32, "MLflow has no such run"),
    ],
)
def test_what_has_no_one_chain_is_refused(
    target: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lineage", target]) == 2

    assert said in capsys.readouterr().err


def test_without_a_record_it_says_that_nothing_has_run(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded / "dvc.lock").unlink()

    assert cli.main(["lineage", "small"]) == 1

    assert "nothing has run yet" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["out/join", "tree/a"])
@pytest.mark.usefixtures("toy")
def test_a_file_as_its_stage_wrote_it_is_said_to_be_so(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lineage", file]) == 0

    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{file}  ")
    assert first.endswith(f", as {second} wrote it")
    assert "seed" in " ".join(rest)


@pytest.mark.parametrize("file", ["out/join", "tree/a", "tree/new"])
def test_the_chain_of_a_file_that_was_changed_since_is_not_its_own(
    file: str, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy / file).unlink(missing_ok=True)  # DVC may have linked it to its cache
    (toy / file).write_text("changed\n")

    assert cli.main(["lineage", file]) == 1

    assert f"{file}: is not what" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["left.txt", "../out/left.txt"])
def test_a_file_is_found_from_a_folder_of_the_project(
    file: str, toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "out" / "left.txt").write_text("no stage wrote it\n")
    monkeypatch.chdir(toy / "out")

    assert cli.main(["lineage", file]) == 2

    assert "out/left.txt: no stage in dvc.lock wrote this" in capsys.readouterr().err


def test_a_run_leads_to_the_chain_of_its_weights_as_long_as_they_are_here(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{recorded / 'mlflow.db'}")
    (recorded / "data/models/small").mkdir(parents=True)
    (recorded / "data/models/small/card.json").write_text('{"weights_sha256": "now"}')
    tracker = Tracker()

    def made(**tags: str) -> str:
        named = {f"restore.{key}": value for key, value in tags.items()}
        run = tracker.client.create_run(tracker.experiment_id, tags=named)
        return str(run.info.run_id)

    now = made(experiment="small", weights="now")
    codes = [
        cli.main(["lineage", now]),
        cli.main(["lineage", made(experiment="small", weights="before")]),
        cli.main(["lineage", made(launch="key")]),
    ]

    assert codes == [0, 1, 2]
    printed = capsys.readouterr()
    assert printed.out.startswith("evaluate@small\n")
    assert f"run    {now}" in printed.out
    assert "left the weights before, and data/models/small has now" in printed.err
    assert "this is the run of a command" in printed.err
