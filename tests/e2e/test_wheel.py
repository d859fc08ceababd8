"""An installation from the wheel, outside of any checkout, does what a checkout does."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from skimage.data import astronaut

from pipeline.arrays.pixels import from_8bit
from pipeline.images.files import write_png
from tests.project import ROOT, run


def tracked(*folders: str) -> list[str]:
    """Return the files that git has, or would take in."""
    listed = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard", *folders)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy of the project: setuptools leaves files behind."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    (copy / "pipeline" / "__pycache__").mkdir()
    (copy / "pipeline" / "__pycache__" / "cli.cpython-311.pyc").touch()
    run(copy, *pip("wheel"), "--no-build-isolation", "--wheel-dir", "built", ".")
    (built,) = (copy / "built").iterdir()
    return built


def pip(command: str) -> list[str]:
    return [sys.executable, "-m", "pip", command, "--quiet", "--no-deps"]


def test_the_wheel_has_every_file_of_the_code_and_no_other(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name for name in names if ".dist-info/" not in name and ".data/" not in name} == set(
        tracked("pipeline", "stages")
    )


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the wheel and the packages of this one, and a folder beside it."""

    environment: Path
    outside: Path

    def run(self, *command: str, place: str = ".") -> str:
        """Run a command of the environment in a folder outside, and return what it printed."""
        # A mirror may be named from the folder of the checkout; nothing here needs one.
        left_out = {"PYTHONPATH", "RESTORE_MIRROR"}
        settings = {
            **{key: value for key, value in os.environ.items() if key not in left_out},
            "PATH": f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            [str(self.environment / "bin" / command[0]), *command[1:]],
            cwd=self.outside / place,
            env=settings,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("installation")
    run(folder, sys.executable, "-m", "venv", "environment")
    environment, outside = folder / "environment", folder / "outside"
    outside.mkdir()
    found = Installation(environment, outside)
    (packages,) = (environment / "lib").glob("python*/site-packages")
    # A folder named in such a file is searched last, and none of its own such files is read: an
    # editable installation in there does not count.
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib"))
    found.run("python", "-m", "pip", "install", "--quiet", "--no-deps", str(wheel))
    return found


@pytest.mark.slow
def test_a_project_is_made_and_run_from_the_wheel(installation: Installation) -> None:
    code = "import pipeline, stages; print(pipeline.__file__, stages.__file__)"
    used = installation.run("python", "-c", code).split()

    installation.run("restore", "init", "demo", "--preset", "smoke")
    planned = installation.run("restore", "plan", place="demo")
    ran = installation.run("restore", "run", "--experiments", "dncnn_s25", place="demo")
    report = installation.run("restore", "report", place="demo/data")
    examined = installation.run("restore", "doctor", "--fast", place="demo")

    assert all(Path(path).is_relative_to(installation.environment) for path in used)
    assert "33 of 33 stages to run" in planned
    assert "everything asked for is up to date" in ran
    assert "dncnn_s25" in report
    assert "the project's own runs" in examined


@pytest.mark.slow
def test_photographs_are_restored_from_the_wheel(installation: Installation) -> None:
    photos = installation.outside / "photos"
    photos.mkdir()
    write_png(photos / "one.png", from_8bit(astronaut()[:64, :64]))

    installation.run("restore", "photo", "photos", "--task", "denoise", "--page")

    restored = installation.outside / "photos-restored"
    assert (restored / "one.png").read_bytes() != (photos / "one.png").read_bytes()
    assert "data:image" in (restored / "before-after.html").read_text(encoding="utf-8")
