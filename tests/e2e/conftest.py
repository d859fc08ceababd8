"""What tests of whole graphs share."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.project import copy_project, run


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project in which the smoke preset has run through ``dvc repro``, to be copied.

    The processes of ``pytest -n`` share it.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    project = place / "smoke"
    with FileLock(place / "smoke.lock"):
        if not project.exists():
            ran = copy_project(tmp_path_factory.mktemp("ran") / "project", preset="smoke")
            run(ran, "dvc", "repro")
            # MLflow's runs name the folder of their files, and so copies of the project write into
            # the first one: what is copied is another.
            shutil.copytree(ran, place / "smoke.part", symlinks=True).rename(project)
    return project
