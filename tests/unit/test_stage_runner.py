"""Small stages that are run as ``dvc.yaml`` runs the real ones."""

import errno
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.checking.params_file import load_params
from pipeline.datasets.obtaining import UnreachableError
from pipeline.degradations.settings import Degradation, Gaussian
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.settings import Model
from pipeline.running.passing import MAY_PASS
from pipeline.running.stage_runner import ENTRY_SECTIONS, SECTIONS, option_names, run_stage
from pipeline.settings.params import Experiment, Params, Recipe, Trial

Run = Callable[..., None]
"""Run a stage with a command line, given as words."""

given: dict[str, Any] = {}
"""What the stages of this file were called with."""


def entries(
    *,
    experiment: str,
    out: Path,
    model: Model,
    degradation: Degradation,
    recipe: Recipe,
    trials: Sequence[Trial],
) -> None:
    """Take entries of the params."""
    given.update(locals())


def sections(*, seed: int, threads: int, experiments: Mapping[str, Experiment]) -> None:
    """Take whole sections of the params."""
    given.update(locals())


def silent(*, out: Path) -> None:
    """Do nothing."""
    given["out"] = out


def failing(*, kind: str) -> None:
    """Fail in the way that is asked for."""
    raise FAILURES[kind]


FAILURES: dict[str, BaseException] = {
    "foreseen": ValueError("the image 'a' is too small"),
    "missing": FileNotFoundError(errno.ENOENT, "No such file or directory", "a.png"),
    "interrupted": KeyboardInterrupt(),
    "outside": UnreachableError("nobody answers"),
    "full": OSError(errno.ENOSPC, "No space left on device", "weights.safetensors"),
    "library": RuntimeError("expected 4 elements"),
    "bug": TypeError("expected an int"),
}


@pytest.fixture(autouse=True)
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Params]:
    """Make a folder with a params.yaml the working directory, and forget earlier calls."""
    shutil.copy(root / "pipeline" / "checking" / "presets" / "smoke.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESTORE_TRACEBACK", raising=False)
    given.clear()
    level = logging.getLogger("pipeline").level
    yield load_params(Path("params.yaml"))
    logging.getLogger("pipeline").setLevel(level)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def with_words(stage: Callable[..., None], *words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["stage", *words])
        run_stage(stage)

    return with_words


def refused(run: Run, stage: Callable[..., None], *words: str) -> str:
    """Run a stage, expect that it ends the process with an error, and return the message."""
    with pytest.raises(SystemExit) as caught:
        run(stage, *words)
    # Python prints such a message and exits with code 1.
    assert isinstance(caught.value.code, str)
    return caught.value.code


# ---------------------------------------------------------------------------- tables


def test_options_look_into_sections_that_exist() -> None:
    assert set(ENTRY_SECTIONS.values()) <= set(Params.model_fields)
    assert {path.split(".")[0] for path in SECTIONS.values()} <= set(Params.model_fields)
    assert not set(SECTIONS) & set(ENTRY_SECTIONS)


def test_sections_are_not_options() -> None:
    assert option_names(entries) == [
        "experiment",
        "out",
        "model",
        "degradation",
        "recipe",
        "trials",
    ]
    assert option_names(sections) == []


# -------------------------------------------------------------------------- delivery

DEGRADATION = "gaussian_25"
"""An entry of the preset."""


def test_names_of_entries_become_the_entries(run: Run, project: Params) -> None:
    name, experiment = next(iter(project.experiments.items()))
    model = f"{experiment.arch}.{experiment.model}"

    run(
        entries,
        *("--experiment", name, "--out", "data/out", "--model", model),
        *("--degradation", DEGRADATION, "--recipe", experiment.recipe),
        *("--trials", experiment.test_on),
    )

    assert given == {
        "experiment": name,
        "out": Path("data/out"),
        "model": project.models.named(experiment.arch)[experiment.model],
        "degradation": project.degradations[DEGRADATION],
        "recipe": project.recipes[experiment.recipe],
        "trials": project.benchmarks[experiment.test_on],
    }
    assert isinstance(given["model"], DnCNN)
    assert isinstance(given["degradation"], Gaussian)


def test_sections_are_delivered_whole(run: Run, project: Params) -> None:
    run(sections)

    assert given == {
        "seed": project.seed,
        "threads": project.resources.threads,
        "experiments": project.experiments,
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("model", "dncnn.nothing"),
        ("model", "nothing.nothing"),
        ("model", "dncnn"),
        ("degradation", "nothing"),
        ("recipe", "nothing"),
        ("trials", "nothing"),
    ],
)
def test_unknown_entry_is_named_with_its_section(
    run: Run, project: Params, option: str, value: str
) -> None:
    experiment = next(iter(project.experiments.values()))
    options = {
        "experiment": "e",
        "out": "out",
        "model": f"{experiment.arch}.{experiment.model}",
        "degradation": DEGRADATION,
        "recipe": experiment.recipe,
        "trials": experiment.test_on,
        option: value,
    }

    message = refused(run, entries, *(w for k, v in options.items() for w in (f"--{k}", v)))

    section = ENTRY_SECTIONS[option]
    assert f"--{option} {value}: params.yaml has no such entry in '{section}'" in message
    assert given == {}


@pytest.mark.parametrize("words", [[], ["--out"], ["--out", "a", "--other", "b"], ["out"]])
def test_wrong_command_line_is_refused(
    run: Run, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(silent, *words)

    assert caught.value.code == 2
    assert "usage: python -m stages.silent" in capsys.readouterr().err
    assert given == {}


# ---------------------------------------------------------------------------- errors


def test_all_params_are_checked_before_the_stage_runs(run: Run) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("recipes:", "recipe:"))

    message = refused(run, silent, "--out", "a")

    assert message.startswith("stage silent failed: params.yaml has ")
    assert "recipe: unknown key; the nearest known one is 'recipes'" in message
    assert given == {}


def test_missing_params_are_named(run: Run) -> None:
    Path("params.yaml").unlink()

    assert "params.yaml: cannot be read" in refused(run, silent, "--out", "a")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("foreseen", "the image 'a' is too small"), ("missing", "No such file or directory: 'a.png'")],
)
def test_foreseen_error_is_a_message_without_a_traceback(
    run: Run, kind: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(run, failing, "--kind", kind)

    assert message.startswith("stage failing failed: ")
    assert reason in message
    assert "Traceback" not in capsys.readouterr().err


def test_traceback_is_there_for_who_asks(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESTORE_TRACEBACK", "1")

    refused(run, failing, "--kind", "foreseen")

    assert "raise FAILURES[kind]" in capsys.readouterr().err


def test_error_of_a_library_comes_with_its_traceback(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(run, failing, "--kind", "library")

    assert "stage failing failed: expected 4 elements" in message
    assert "raise FAILURES[kind]" in capsys.readouterr().err


def test_a_failure_from_outside_has_an_exit_code_of_its_own(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(failing, "--kind", "outside")

    assert caught.value.code == MAY_PASS
    assert capsys.readouterr().err.startswith("stage failing failed: nobody answers\n")


def test_full_disk_is_said_to_be_one(run: Run) -> None:
    message = refused(run, failing, "--kind", "full")

    assert "No space left on device: 'weights.safetensors'" in message
    assert "MiB are free: make room and start again, nothing is lost" in message


def test_an_interrupted_stage_says_so_without_a_traceback(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(failing, "--kind", "interrupted")

    assert ended.value.code == 130
    assert capsys.readouterr().err == "stage failing was interrupted\n"


def test_bug_is_not_dressed_up(run: Run) -> None:
    with pytest.raises(TypeError, match="expected an int"):
        run(failing, "--kind", "bug")


def test_what_comes_afterwards_finds_the_outputs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[object] = []
    monkeypatch.setattr(sys, "argv", ["stage", "--out", str(tmp_path)])

    run_stage(silent, afterwards=lambda: found.append(given["out"]))

    assert found == [tmp_path]


def test_nothing_comes_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", "--kind", "foreseen"])

    with pytest.raises(SystemExit):
        run_stage(failing, afterwards=lambda: pytest.fail("the stage has failed"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--nnodes 2 --node-rank 0", "expected a multiple of the 2 machines that RESTORE_TORCHRUN"),
        ("--nnodes many", "expected '--nnodes' and the number of machines, came 'many'"),
    ],
)
def test_processes_that_machines_cannot_share_are_refused_in_words(
    tmp_path: Path, root: Path, options: str, said: str
) -> None:
    smoke = (root / "pipeline/checking/presets/smoke.yaml").read_text(encoding="utf-8")
    resources = "resources:\n"
    (tmp_path / "params.yaml").write_text(
        smoke.replace(resources, f"{resources}  train: {{processes: 3}}\n")
    )
    variables = {**os.environ, "PYTHONPATH": str(root), "RESTORE_TORCHRUN": options}

    done = subprocess.run(
        [sys.executable, "-m", "stages.train"],
        cwd=tmp_path, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith("stage train failed: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
