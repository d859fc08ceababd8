"""Work in a process of its own: it ends with the one that asked for it."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

from pipeline.commands.elsewhere import hand_over

_CHILD = "tests.unit.asked"
_PARENT = f"from pipeline.commands.elsewhere import hand_over; hand_over('{_CHILD}', {{}})"


def _wait_for_the_end_of(number: int) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            pytest.fail(f"process {number} goes on alone")
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_ends_when_the_one_that_asked_is_ended_alone(number: signal.Signals) -> None:
    command = [sys.executable, "-c", _PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        working = int(asking.stdout.readline())

        asking.send_signal(number)

        _wait_for_the_end_of(working)


def test_it_may_end_first(capfd: pytest.CaptureFixture[str]) -> None:
    code = hand_over(_CHILD, {"code": 3})

    assert code == 3
    assert int(capfd.readouterr().out)
