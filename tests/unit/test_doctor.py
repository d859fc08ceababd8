import shutil
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline import cli
from pipeline.commands import doctor
from pipeline.commands.doctor import Finding
from tests.toy import call, edit, make_toy

ROOT = Path(__file__).parents[2]
GIB = 2**30

PYPROJECT = """\
[project]
requires-python = ">=3.11"
dependencies = ["packaging>=20", "fastapi>=0.1"]
[tool.prefect]
server.analytics_enabled = false
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small project in which every check is content, as far as this machine allows."""
    make_toy(tmp_path)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    shutil.copyfile(ROOT / "pipeline/checking/presets/smoke.yaml", tmp_path / "params.yaml")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    for name in ("MLFLOW_TRACKING_URI", "RESTORE_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return tmp_path


def finding(root: Path, name: str) -> Finding:
    return dict(doctor.examine(root, fast=True))[name]


def test_a_sound_project_has_no_failing_check(root: Path) -> None:
    failing = {
        name: found for name, found in doctor.examine(root, fast=True) if found.verdict == "fail"
    }

    assert failing == {}


def test_what_is_not_right_comes_with_a_way_to_mend_it(root: Path) -> None:
    (root / "params.yaml").write_text("{}")
    (root / "mlflow.db").write_text("no database at all, but long enough to look like one")

    for _, found in doctor.examine(root, fast=True):
        assert found.verdict == "ok" or found.mend


def test_code_that_is_not_the_projects_own_is_doubtful(root: Path) -> None:
    own = finding(root, "code")
    (root / "pipeline").mkdir()
    (root / "pipeline" / "cli.py").touch()

    other = finding(root, "code")

    assert own.verdict == "ok"
    assert other.verdict == "warn"
    assert f"{ROOT} runs, and not the project's own" in other.found


def test_the_fast_examination_starts_no_server(root: Path) -> None:
    assert "Prefect's server" in doctor.CHECKS
    assert "Prefect's server" not in dict(doctor.examine(root, fast=True))


def test_a_check_that_breaks_down_is_a_finding_and_not_the_end(root: Path) -> None:
    (root / "pyproject.toml").write_text("not = [toml")

    found = dict(doctor.examine(root, fast=True))

    assert found["packages"].verdict == "fail"
    assert "TOMLDecodeError" in found["packages"].found
    assert found["params.yaml"].verdict != "fail"


def test_another_python_is_refused(root: Path) -> None:
    edit(root / "pyproject.toml", ">=3.11", ">=4")

    assert finding(root, "Python").verdict == "fail"


def test_another_python_on_path_is_a_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = root / "bin" / "python"
    other.parent.mkdir()
    other.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(other.parent), prepend=":")

    found = finding(root, "python on PATH")

    assert found.verdict == "warn"
    assert str(other) in found.found


def test_a_package_out_of_bounds_is_named_with_both_versions(root: Path) -> None:
    edit(root / "pyproject.toml", "packaging>=20", "packaging<1")

    found = finding(root, "packages")

    assert found.verdict == "fail"
    assert "packaging is " in found.found
    assert "expected <1" in found.found


def test_a_missing_package_is_named(root: Path) -> None:
    edit(root / "pyproject.toml", "packaging>=20", "no-such-package")

    assert finding(root, "packages").found == "no-such-package is not installed"


def test_a_fastapi_that_breaks_prefect_comes_with_the_command_that_mends_it(root: Path) -> None:
    edit(root / "pyproject.toml", "fastapi>=0.1", "fastapi<0.1")

    found = finding(root, "Prefect and FastAPI")

    assert found.verdict == "fail"
    assert "pip install 'fastapi<0.1'" in found.mend


def test_a_database_that_is_not_there_yet_is_fine(root: Path) -> None:
    assert finding(root, "MLflow's database").verdict == "ok"


def test_a_sound_database_is_counted(root: Path) -> None:
    with sqlite3.connect(root / "mlflow.db") as connection:
        connection.execute("CREATE TABLE runs (id)")
        connection.execute("INSERT INTO runs VALUES (1)")
    connection.close()

    assert finding(root, "MLflow's database").found == "mlflow.db has 1 runs, readable and writable"


def test_a_file_that_is_no_database_fails(root: Path) -> None:
    (root / "mlflow.db").write_text("no database at all, but long enough to look like one")

    assert finding(root, "MLflow's database").verdict == "fail"


def test_a_locked_database_fails(root: Path) -> None:
    connection = sqlite3.connect(root / "mlflow.db", isolation_level=None)
    connection.execute("CREATE TABLE runs (id)")
    connection.execute("BEGIN EXCLUSIVE")

    found = finding(root, "MLflow's database")
    connection.close()

    assert found.verdict == "fail"
    assert "locked" in found.found


@pytest.mark.parametrize(
    ("free", "verdict"), [(0.5 * GIB, "fail"), (5 * GIB, "warn"), (50 * GIB, "ok")]
)
def test_a_full_disk_is_noticed_before_it_is_full(
    root: Path, monkeypatch: pytest.MonkeyPatch, free: float, verdict: str
) -> None:
    usage = SimpleNamespace(total=100 * GIB, used=0, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    assert finding(root, "disk").verdict == verdict


def test_more_threads_than_cores_are_a_warning(root: Path) -> None:
    edit(root / "params.yaml", "threads: 1", "threads: 1000")

    assert finding(root, "threads").verdict == "warn"


def test_faults_in_the_parameters_fail(root: Path) -> None:
    edit(root / "params.yaml", "seed: 0", "sead: 0")

    found = finding(root, "params.yaml")

    assert found.verdict == "fail"
    assert "sead" in found.found


def test_copies_instead_of_links_are_a_warning(root: Path) -> None:
    with (root / ".dvc" / "config").open("a") as file:
        file.write("[cache]\n    type = copy\n")

    assert finding(root, "links to DVC's cache").verdict == "warn"


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("DVC", ".dvc/config", "analytics = false", "analytics = true"),
        ("Prefect", "pyproject.toml", "analytics_enabled = false", "analytics_enabled = true"),
    ],
)
def test_telemetry_is_noticed(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str, old: str, new: str
) -> None:
    for variable in ("DVC_NO_ANALYTICS", "PREFECT_SERVER_ANALYTICS_ENABLED", "DO_NOT_TRACK"):
        monkeypatch.delenv(variable, raising=False)
    assert finding(root, "telemetry").verdict == "ok"
    edit(root / file, old, new)

    found = finding(root, "telemetry")

    assert found.verdict == "warn"
    assert name in found.found


def test_a_mirror_that_is_not_there_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_MIRROR", str(root))
    assert finding(root, "mirror").verdict == "ok"
    monkeypatch.setenv("RESTORE_MIRROR", str(root / "nowhere"))
    assert finding(root, "mirror").verdict == "fail"


def test_a_file_that_dvc_would_die_of_is_a_finding_and_not_the_end(root: Path) -> None:
    (root / "params.yaml").write_text(f"seed: {'[' * 100_000}")

    done = call(root, "restore", "doctor", "--fast")

    assert done.returncode == 1, done.stderr
    assert "too many brackets are open" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ok    mirror")


def test_the_command_fails_if_a_check_does(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    assert cli.main(["doctor", "--fast"]) == 0
    edit(root / "params.yaml", "seed: 0", "sead: 0")

    assert cli.main(["doctor", "--fast"]) == 1
    assert "fail  params.yaml" in capsys.readouterr().out
