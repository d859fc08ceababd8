import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.running.process import compute_environment, restart_with

PROGRAM = """\
import json, os, sys
from pipeline.running.process import compute_environment, restart_with
with open("starts", "a") as file:
    file.write("start ")
restart_with(compute_environment(1))
import torch
print(json.dumps([sys.argv, os.environ["OMP_NUM_THREADS"], torch.get_num_threads(),
                  sys.flags.utf8_mode]))
"""


def test_every_thread_pool_gets_the_same_number() -> None:
    variables = compute_environment(3)

    assert {variables[name] for name in variables if name.endswith("_NUM_THREADS")} == {"3"}
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"} <= set(variables)


def test_waiting_threads_do_not_spin_for_long() -> None:
    assert int(compute_environment(2)["GOMP_SPINCOUNT"]) <= 10_000


def test_values_are_those_of_environment_variables() -> None:
    assert all(isinstance(value, str) and value for value in compute_environment(1).values())


def test_nothing_happens_when_all_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in compute_environment(2).items():
        monkeypatch.setenv(name, value)

    restart_with(compute_environment(2))

    assert os.environ["OMP_NUM_THREADS"] == "2"


def test_process_starts_once_more_with_its_arguments(tmp_path: Path, root: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    outside = {name: os.environ[name] for name in os.environ if name not in compute_environment(1)}

    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "program", "--name", "two words", ""],
        cwd=tmp_path,
        env={**outside, "PYTHONPATH": str(root), "GLIBC_TUNABLES": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    arguments, variable, threads, utf8 = json.loads(done.stdout)
    assert (tmp_path / "starts").read_text() == "start start "
    assert arguments[1:] == ["--name", "two words", ""]
    assert (variable, threads, utf8) == ("1", 1, 1)
