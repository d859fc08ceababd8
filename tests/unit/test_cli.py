import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline import cli
from tests.report_folder import result, write_report
from tests.toy import call, copy_toy, edit, environment, gather, program, trace

ROOT = Path(__file__).parents[2]


@pytest.fixture
def toy(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it for one test, which is the current folder too."""
    root = copy_toy(done, tmp_path / "toy")
    trace(root)
    monkeypatch.chdir(root)
    return root


def forbid(folder: Path, *packages: str) -> str:
    """Return a PYTHONPATH on which importing any of these packages fails."""
    for package in packages:
        (folder / "forbidden" / package).mkdir(parents=True)
        (folder / "forbidden" / package / "__init__.py").write_text("raise SystemExit('imported!')")
    return str(folder / "forbidden")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, pipeline.cli; print(*{'torch', 'numpy', 'dvc', 'prefect', 'mlflow', "
    code += "'pydantic'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == ""


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])

    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("run", "serve", "plan", "doctor", "preset", "report"))


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["rum"], ["plan", "--bad"]),
        *(["run", "--parallel", "0"], ["run", "--hours", "0"], ["run", "--retries", "-1"]),
    ],
)
def test_wrong_usage_ends_with_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "usage: restore" in capsys.readouterr().err


def test_the_module_runs_as_the_console_script_does() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "rum"], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "usage: restore" in ran.stderr


def test_outside_a_project_every_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.main(["plan"]) == 2
    assert "expected a folder with a dvc.yaml, here or above" in capsys.readouterr().err


# --------------------------------------------------------------------------- plan, run


@pytest.mark.usefixtures("toy")
def test_plan_says_when_there_is_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan"]) == 0
    assert capsys.readouterr().out == "nothing to do: all 5 stages are up to date\n"


def test_plan_works_below_the_projects_folder(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(toy / "out")

    assert cli.main(["plan"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_plan_lists_stages_in_order_with_their_reasons(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(toy / "settings.yaml", "{text: two}", "{text: two, more: 1}")

    assert cli.main(["plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1) == [
        "branch@right",
        "branches.right in settings.yaml changed",
    ]
    assert lines[1].split(maxsplit=1) == [
        "join",
        "if what it reads changes, because branch@right runs",
    ]
    assert lines[-1].startswith("1 of 5 stages to run, 1 may follow")
    assert trace(toy) == []


def test_plan_can_be_asked_about_one_experiment(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(toy / "settings.yaml", "{text: two}", "{text: two, more: 1}")

    assert cli.main(["plan", "--experiments", "left"]) == 0
    assert capsys.readouterr().out.startswith("nothing to do: all 2 stages are up to date\n")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_one_experiment_leaves_stale_is_said(
    command: str, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(toy / "settings.yaml", "{text: two}", "{text: two, more: 1}")

    assert cli.main([command, "--experiments", "left"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "nothing to do: all 2 stages are up to date",
        "left stale: 2 stages of join: `restore run` brings them up to date",
    ]


def test_a_plan_of_one_experiment_has_what_gathers_and_what_stays_stale(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gather(toy)

    assert cli.main(["plan", "--experiments", "left"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "digest  it never ran",
        "",
        "1 of 3 stages to run; `restore run --experiments left` does it",
    ]


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("command", ["plan", "run"])
def test_an_unknown_experiment_is_refused_with_the_nearest_known(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--experiments", "lefft"]) == 2
    assert "'lefft'; the nearest known: left" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "run"])
def test_faults_in_the_parameters_are_told_before_anything_else(
    command: str, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(ROOT / "pipeline" / "checking" / "presets" / "smoke.yaml", toy / "params.yaml")
    edit(toy / "params.yaml", "seed: 0", "sead: 0")

    assert cli.main([command]) == 1
    printed = capsys.readouterr()
    assert "sead: unknown key; the nearest known one is 'seed'" in printed.err
    assert printed.out == ""


def test_a_broken_graph_is_an_error_message(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(toy / "dvc.yaml", "${item.text}", "${item.txt}")

    assert cli.main(["plan"]) == 1
    assert "item.txt" in capsys.readouterr().err


def test_run_with_nothing_to_do_starts_neither_prefect_nor_a_server(toy: Path) -> None:
    never = forbid(toy.parent, "prefect", "torch", "mlflow")

    ended = call(toy, "restore", "run", PYTHONPATH=never)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "nothing to do: all 5 stages are up to date\n"


# ------------------------------------------------------------------------------- serve


@pytest.mark.usefixtures("toy")
def test_serve_refuses_a_port_that_another_program_has(capsys: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        port = other.server_port
        answering = threading.Thread(target=other.handle_request)
        answering.start()
        code = cli.main(["serve", "--port", str(port)])
        answering.join()

    assert code == 1
    printed = capsys.readouterr().err
    assert f"port {port} is taken by a server that is none of Prefect's" in printed
    assert "take another one, or leave --port out" in printed


# ------------------------------------------------------------------------------ preset


def test_preset_lists_and_takes(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    presets = toy / "pipeline" / "checking" / "presets"
    shutil.copytree(ROOT / "pipeline" / "checking" / "presets", presets)

    assert cli.main(["preset"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(listed) == {path.stem for path in presets.glob("*.yaml")}
    assert listed["smoke"].startswith("Preset `smoke`: the whole graph")
    assert cli.main(["preset", "smoke"]) == 0
    assert (toy / "params.yaml").read_bytes() == (presets / "smoke.yaml").read_bytes()


def test_preset_refuses_to_lose_edits(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(
        ROOT / "pipeline" / "checking" / "presets", toy / "pipeline" / "checking" / "presets"
    )
    (toy / "params.yaml").write_text("mine: true\n")

    assert cli.main(["preset", "smoke"]) == 1
    assert "--force" in capsys.readouterr().err
    assert (toy / "params.yaml").read_text() == "mine: true\n"
    assert cli.main(["preset", "smoke", "--force"]) == 0
    assert (toy / "params.yaml.bak").read_text() == "mine: true\n"


def test_a_reader_that_stops_early_is_no_error(toy: Path) -> None:
    write_report(toy, [result(f"experiment_{number}", 30.0) for number in range(10_000)])

    with subprocess.Popen(
        [program("restore"), "report", "--all"],
        cwd=toy,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()

    assert process.returncode == 0
    assert errors == b""
