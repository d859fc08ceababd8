"""Decisions that rest on the speed of this machine: made once, remembered, the same ever after.

A way to compute that is chosen by the clock could be another one next time, and with it the
last bits of a result. What was chosen is therefore kept in ``.restore/machine.json`` by the
processor and the version of torch; delete the file to have it all measured anew.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock

from pipeline.machine.devices import say
from pipeline.machine.processor import processor

FILE = Path(".restore") / "machine.json"


def remembered(question: str, decide: Callable[[], bool]) -> bool:
    """Return the answer that this machine gave to ``question``, now or at some time before.

    Args:
        question: What is decided, with all that the answer depends on beside the machine.
        decide: Measures; called when there is no answer yet. Its errors are not remembered.
    """
    key = f"{processor()}, torch {torch.__version__}: {question}"
    answers = _read()
    return answers[key] if key in answers else _keep(key, decide())


def _read() -> dict[str, bool]:
    try:
        found = json.loads(FILE.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, bool)}


def _keep(key: str, answer: bool) -> bool:
    """Write an answer to the others, unless somebody was faster; return the one that counts."""
    try:
        FILE.parent.mkdir(exist_ok=True)
        with FileLock(FILE.with_suffix(".lock")):
            answers = {key: answer, **_read()}
            unfinished = FILE.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(answers, indent=2) + "\n")
            unfinished.replace(FILE)
    except OSError as error:
        say(f"{FILE} cannot be written ({error.strerror}): the next run may decide differently")
        return answer
    return answers[key]
