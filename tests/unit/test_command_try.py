"""``restore try`` without a training: what it refuses, and what it says of what there is."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.arrays.tables import write_table
from pipeline.commands import trying
from pipeline.commands.reading_params import read_params
from pipeline.graph.trial_workspace import Trial, TrialWorkspace
from pipeline.measuring.score_table import Score
from pipeline.settings.params import Params

ROOT = Path(__file__).parents[2]

STEPS = Trial(
    name="dncnn_s25_steps_3000",
    experiment="dncnn_s25",
    changes=("recipe.steps=3000",),
    entries={},
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the quick preset, which is the current folder."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "dvc.yaml").write_text("stages: {}\n")
    shutil.copyfile(ROOT / "pipeline/checking/presets/quick.yaml", root / "params.yaml")
    monkeypatch.chdir(root)
    monkeypatch.setattr(trying, "_run", never)
    return root


def never(*_: object) -> None:
    raise RuntimeError("DVC was started")


QUICK = ["dncnn_s25", "--set"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["dncnn_25", "--set", "recipe.steps=9"], 2, "the nearest known one is 'dncnn_s25'"),
        (["edsr_x2_ensemble", "--set", "recipe.steps=9"], 2, "applies the weights of an experim"),
        (["mobilenet_clean", "--set", "recipe.steps=9"], 2, "recognises, and only networks that"),
        (["dncnn_s25"], 2, "nothing to try: say what to change of dncnn_s25, such as --set rec"),
        ([*QUICK, "recipe.steps"], 2, "expected KEY=VALUE"),
        ([*QUICK, "recip.steps=9"], 2, "the nearest known one is 'recipe'"),
        ([*QUICK, "recipe.augment=true"], 2, "that is what it is already"),
        ([*QUICK, "recipe.stepps=9"], 1, "stepps: unknown key; the nearest known one is 'steps'"),
        ([*QUICK, "recipe.steps=many"], 1, "steps: input should be a valid integer; came 'many'"),
        ([*QUICK, "recipe.steps.more=3"], 1, "steps: input should be a valid integer; came a dic"),
        ([*QUICK, "recipe.schedule.warmup=-1"], 1, "schedule.warmup: input should be greater th"),
        ([*QUICK, "recipe.optimizer.kind=sgd"], 1, "the nearest known one is 'optimiser'"),
        ([*QUICK, "model.channels=3"], 1, "has 3 channel(s), the patches of 'gray_noise_25'"),
        ([*QUICK, "model=gray_9"], 1, "model: model 'gray_9' is not defined; the nearest known"),
        ([*QUICK, "recipe=faces"], 1, "expected one whose loss is for networks that restore"),
        ([*QUICK, "degradation.kind=jpeg"], 1, "degradations.dncnn_s25_kind_jpeg."),
        (
            [*QUICK, "train_on.bank=photos_rgb_40"],
            1,
            "has 1 channel(s), the patches of 'dncnn_s25_bank",
        ),
        ([*QUICK, "test_on=deblok"], 1, "the nearest known one is 'deblock'"),
        ([*QUICK, "start=vdsr_x23"], 1, "expected an experiment with an dncnn"),
        ([*QUICK, "recipe.steps=9", "--name", "a b"], 2, "--name a b: expected letters"),
        ([*QUICK, "recipe.steps=9", "--name", "runet_s25"], 2, "params.yaml has 'runet_s25' alr"),
        ([*QUICK, "recipe.steps=9", "--name", "quick"], 1, "recipes.quick: there is such an ent"),
        ([*QUICK, f"model=m{'o' * 100}"], 2, "too long for a name; give --name NAME"),
        (["--set", "recipe.steps=9"], 2, "--set and --name need the experiment to change"),
        (["dncnn_s25", "--keep", "x"], 2, "--keep and --drop take the name of a try, and nothing"),
        (["--keep", "x"], 2, "there is no try 'x'; expected one of: (none is defined)"),
        (["--drop", "x"], 2, "there is no try 'x'"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_runs(
    project: Path,
    arguments: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (project / "params.yaml").read_bytes()

    found = cli.main(["try", *arguments])

    printed = capsys.readouterr()
    assert said in printed.err
    assert found == code
    assert (project / "params.yaml").read_bytes() == before
    assert TrialWorkspace.all(project) == []


def test_a_folder_that_cannot_be_written_is_named_and_nothing_else(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".restore").write_text("a file where a folder should be")

    assert cli.main(["try", *QUICK, "recipe.steps=9"]) == 1

    said = capsys.readouterr().err
    assert ".restore/tries" in said
    assert "Traceback" not in said


def test_a_name_of_another_try_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TrialWorkspace(project, "mine").write(replace(STEPS, name="mine"))

    assert cli.main(["try", *QUICK, "recipe.steps=9", "--name", "mine"]) == 2
    assert "there is a try mine of dncnn_s25 with recipe.steps=3000: give another --name, or" in (
        capsys.readouterr().err
    )


def test_a_try_that_is_being_run_is_neither_run_nor_kept_nor_dropped(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = TrialWorkspace(project, STEPS.name)
    workspace.write(STEPS)

    with workspace.alone():
        codes = [
            cli.main(["try", *arguments])
            for arguments in (
                [*QUICK, *STEPS.changes],
                ["--keep", STEPS.name],
                ["--drop", STEPS.name],
            )
        ]

    assert codes == [1, 1, 1]
    assert capsys.readouterr().err.count("is busy: another command is at work on it") == 3


@pytest.mark.usefixtures("project")
def test_without_tries_the_list_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["try"]) == 0
    assert "no tries; `restore try EXPERIMENT --set recipe.steps=3000` makes one" in (
        capsys.readouterr().out
    )


def test_tries_are_listed_with_what_came_of_them(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TrialWorkspace(project, STEPS.name).write(STEPS)
    TrialWorkspace(project, "wide").write(replace(STEPS, name="wide", result="+0.12 dB"))

    assert cli.main(["try"]) == 0
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "try",
        "dncnn_s25_steps_3000",
        "wide",
    ]


def test_inside_of_a_workspace_nothing_is_tried(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = TrialWorkspace(project, STEPS.name)
    workspace.write(STEPS)
    workspace.project.mkdir()
    (workspace.project / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(workspace.project)

    assert cli.main(["try"]) == 2
    assert f"this is the workspace of a try: go to {project}" in capsys.readouterr().err


# ------------------------------------------------------------------------------------- keep


def tried(project: Path, *changes: str, name: str = "new", done: bool = True) -> TrialWorkspace:
    """Write down a try as if it had run."""
    from pipeline.checking.changed_experiment import changed_entries, parse_change

    content = trying._written(project)
    entries = changed_entries(content, "dncnn_s25", [parse_change(one) for one in changes], name)
    workspace = TrialWorkspace(project, name)
    workspace.write(
        Trial(
            name=name,
            experiment="dncnn_s25",
            changes=changes,
            entries=trying._by_section(entries),
            result="+0.12 dB" if done else None,
        )
    )
    return workspace


def new_lines(before: str, after: str) -> list[str]:
    lines, kept = after.splitlines(), before.splitlines()
    added = [line for line in lines if line not in kept]
    assert [line for line in lines if line in kept] == kept
    return added


def test_what_is_kept_is_a_line_for_each_entry_and_nothing_else_changes(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    tried(project, "recipe.steps=3000", "degradation.sigma_8bit=30")

    assert cli.main(["try", "--keep", "new"]) == 0

    assert new_lines(before, (project / "params.yaml").read_text()) == [
        "  new: {kind: gaussian, sigma_8bit: 30, quantise: false}",
        "  new: {bank: photos_gray_40, degradation: new}",
        "  new: {<<: *quick, steps: 3000}",
        "  new: {arch: dncnn, model: gray_8, train_on: new, recipe: new, start: random, "
        "test_on: denoise_25}",
    ]
    assert cli.main(["try", "--keep", "new"]) == 1


def test_what_was_tried_is_kept_even_if_its_original_has_changed_since(project: Path) -> None:
    workspace = tried(project, "recipe.steps=3000")
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("batch: 4", "batch: 8", 1))

    assert cli.main(["try", "--keep", "new"]) == 0

    trial = workspace.read()
    assert trial is not None
    kept = Params.model_validate(read_params(project / "params.yaml").model_dump())
    assert kept.recipes["new"].batch == trial.entries["recipes"]["new"]["batch"] == 4
    assert kept.recipes["quick"].batch == 8


def test_a_try_that_is_not_finished_is_not_kept(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tried(project, "recipe.steps=3000", done=False)
    before = (project / "params.yaml").read_bytes()

    assert cli.main(["try", "--keep", "new"]) == 1
    assert "`restore try dncnn_s25 --set recipe.steps=3000 --name new` goes on" in (
        capsys.readouterr().err
    )
    assert (project / "params.yaml").read_bytes() == before


def test_what_is_dropped_is_gone(project: Path) -> None:
    tried(project, "recipe.steps=3000")

    assert cli.main(["try", "--drop", "new"]) == 0
    assert TrialWorkspace.all(project) == []


# ---------------------------------------------------------------------------------- the table


def write_results(workspace: TrialWorkspace, psnrs: Mapping[str, list[float]]) -> None:
    """Write scores and cards of experiments, whose names may end in ``@DATA_SET``."""
    for full_name, values in psnrs.items():
        name, _, data_set = full_name.partition("@")
        evaluated = workspace.project / "data" / "evaluated" / name / "scores.csv"
        evaluated.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            Score(
                experiment=name,
                model="dncnn.gray_8",
                data_set=data_set or "photos_test",
                image=f"image{number}",
                degradation="gaussian_25",
                protocol="gray-uint8",
                psnr=psnr,
                ssim=0.8,
            )
            for number, psnr in enumerate(values)
        ]
        write_table(evaluated, Score, rows)
        card = workspace.project / "data" / "models" / name / "card.json"
        card.parent.mkdir(parents=True, exist_ok=True)
        card.write_text(json.dumps({"weights_sha256": name}))


def finish(
    project: Path, monkeypatch: pytest.MonkeyPatch, psnrs: Mapping[str, list[float]]
) -> None:
    """Let a run of DVC do nothing but write these scores."""
    answer = {"seconds": {"dncnn_s25": 61.4, "new": None}}
    monkeypatch.setattr(trying, "_run", lambda workspace, _: write_results(workspace, psnrs))
    monkeypatch.setattr(trying, "_ask_tracker", lambda *_: answer)
    monkeypatch.setattr(TrialWorkspace, "prepare", lambda *_: None)
    assert project.is_dir()


def test_the_table_has_both_scores_the_difference_and_what_it_is_worth(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(project, monkeypatch, {"dncnn_s25": [28, 29, 30, 31], "new": [28.5, 29.6, 30.4, 31.5]})

    assert cli.main(["try", *QUICK, "recipe.steps=3000", "--name", "new"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [
        *("data", "set,", "level", "protocol", "images", "dncnn_s25", "tried", "difference"),
    ]
    assert lines[2].startswith("photos_test, gaussian_25  gray-uint8       4  29.50 (0.8000)")
    assert "30.00 (0.8000)       +0.50  +0.4" in lines[2]
    assert "training: dncnn_s25 61 s, new of unknown length" in lines
    assert lines[-2:] == [
        "  restore try --keep new   # into params.yaml; nothing is trained again",
        "  restore try --drop new   # delete the workspace",
    ]
    trial = TrialWorkspace(project, "new").read()
    assert trial is not None
    assert str(trial.result).startswith("+0.50 dB (+0.4")
    assert trial.entries["recipes"]["new"]["steps"] == 3000


def test_a_difference_that_could_be_chance_is_called_noise(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(project, monkeypatch, {"dncnn_s25": [28, 29, 30], "new": [27, 30, 30]})

    assert cli.main(["try", *QUICK, "recipe.steps=3000", "--name", "new"]) == 0
    assert "0.00  within noise, " in capsys.readouterr().out


def test_scores_on_another_benchmark_are_not_compared(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(project, monkeypatch, {"dncnn_s25": [28, 29], "new@others": [20, 21]})

    assert cli.main(["try", *QUICK, "test_on=deblock", "--name", "new"]) == 0

    printed = capsys.readouterr().out
    assert "new and dncnn_s25 were measured on different benchmarks:" in printed
    assert "difference" not in printed
    assert "new         others" in printed
