import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.graph import supervise
from pipeline.graph.supervise import SECONDS_VARIABLE, TIMED_OUT, Children

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
WAITING = "from pathlib import Path; Path('up').touch(); import time; time.sleep(600)"


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not so within {seconds:g} s")
        time.sleep(0.01)


def python(
    children: Children, folder: Path, code: str, output: int = subprocess.PIPE
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code]
    return children.start(command, cwd=folder, environment=os.environ, output=output)


def supervisor(
    folder: Path, code: str, grace: float, seconds: float = 600.0
) -> "subprocess.Popen[bytes]":
    """Start a supervisor with a short grace; its standard input is the lifeline."""
    start = "import sys; from pipeline.graph.supervise import supervise; sys.exit(supervise("
    start += (
        f"[sys.executable, '-c', {code!r}], sys.stdin.fileno(), grace={grace}, seconds={seconds}))"
    )
    return subprocess.Popen([sys.executable, "-c", start], cwd=folder, stdin=subprocess.PIPE)


def test_output_and_exit_code_are_those_of_the_command(tmp_path: Path) -> None:
    with Children() as children:
        process = python(
            children, tmp_path, "import sys; print('out', flush=True); sys.exit('err')"
        )
        output, _ = process.communicate()

    assert output.split() == ["out", "err"]
    assert process.returncode == 1


def test_a_command_that_a_signal_ended_reports_its_number(tmp_path: Path) -> None:
    with Children() as children:
        process = python(children, tmp_path, "import os; os.kill(os.getpid(), 9)")
        process.communicate()

    assert process.returncode == 128 + 9


def test_a_program_that_does_not_exist_fails_with_its_name(tmp_path: Path) -> None:
    with Children() as children:
        process = children.start(["no-such-program"], cwd=tmp_path, environment=os.environ)
        output, _ = process.communicate()

    assert process.returncode == 127
    assert "no-such-program" in output


def test_the_command_has_no_input(tmp_path: Path) -> None:
    with Children() as children:
        process = python(children, tmp_path, "import sys; print(repr(sys.stdin.read()))")
        output, _ = process.communicate()

    assert output.strip() == "''"


def test_leaving_the_block_ends_a_running_command(tmp_path: Path) -> None:
    with Children() as children:
        process = python(children, tmp_path, WAITING, output=subprocess.DEVNULL)
        wait_until((tmp_path / "up").exists)

    assert process.returncode == 128 + signal.SIGTERM


def test_nothing_starts_after_the_stop(tmp_path: Path) -> None:
    children = Children()
    children.stop()

    with pytest.raises(RuntimeError, match="being stopped"):
        python(children, tmp_path, "pass")


def test_what_the_command_started_ends_with_it(tmp_path: Path) -> None:
    code = "import subprocess, sys; from pathlib import Path; "
    code += "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    code += "Path('pid.new').write_text(str(p.pid)); Path('pid.new').rename('pid')"
    with Children() as children:
        process = python(children, tmp_path, code)
        process.communicate(timeout=10)

    assert process.returncode == 0
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_supervisor_ends_the_command(tmp_path: Path, number: int) -> None:
    process = supervisor(tmp_path, WAITING, grace=10.0)
    with process:
        wait_until((tmp_path / "up").exists)

        process.send_signal(number)

        assert process.wait(timeout=10) == 128 + signal.SIGTERM


def test_a_command_whose_time_is_over_is_told_to_end_and_said_to_be_so(tmp_path: Path) -> None:
    told = "import signal, sys; from pathlib import Path; "
    told += "signal.signal(signal.SIGTERM, lambda *_: (Path('checkpoint').touch(), sys.exit(1))); "
    with Children() as children:
        process = children.start(
            [sys.executable, "-c", told + WAITING],
            cwd=tmp_path,
            environment={**os.environ, SECONDS_VARIABLE: "1"},
        )
        process.communicate(timeout=20)

    assert process.returncode == TIMED_OUT
    assert (tmp_path / "checkpoint").exists()


def test_a_command_whose_time_is_over_and_that_ignores_it_is_killed(tmp_path: Path) -> None:
    process = supervisor(tmp_path, STUBBORN + WAITING, grace=0.2, seconds=1.0)
    with process:
        assert process.wait(timeout=20) == TIMED_OUT


def test_a_command_that_ends_in_time_knows_nothing_of_its_limit(tmp_path: Path) -> None:
    code = f"import os, sys; sys.exit(3 if {SECONDS_VARIABLE!r} in os.environ else 4)"
    with Children() as children:
        process = children.start(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            environment={**os.environ, SECONDS_VARIABLE: "60"},
        )
        process.communicate(timeout=20)

    assert process.returncode == 4


def test_a_command_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = supervisor(tmp_path, STUBBORN + WAITING, grace=0.2)
    with process:
        wait_until((tmp_path / "up").exists)

        process.stdin.close()  # type: ignore[union-attr]

        assert process.wait(timeout=10) == 128 + signal.SIGKILL


def test_a_command_has_the_grace_to_put_its_work_in_order(tmp_path: Path) -> None:
    code = "import signal, sys, time; from pathlib import Path\n"
    code += "def tidy(*_):\n    time.sleep(0.3); Path('tidy').touch(); sys.exit(7)\n"
    code += "signal.signal(signal.SIGTERM, tidy)\n" + WAITING
    with Children() as children:
        process = python(children, tmp_path, code, output=subprocess.DEVNULL)
        wait_until((tmp_path / "up").exists)

    assert process.returncode == 7
    assert (tmp_path / "tidy").exists()


def test_the_grace_is_long_enough_for_a_checkpoint_and_shorter_than_prefects_patience() -> None:
    prefect_kills_after = 30.0

    assert 15.0 <= supervise.GRACE < prefect_kills_after
