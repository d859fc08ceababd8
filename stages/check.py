"""Stage ``check``: refuse a ``params.yaml`` with an error in it before anything else runs.

Every other stage needs its output, directly or not. The output never changes, so an edit of
``params.yaml`` reruns this stage and, beyond it, only the stages whose values changed.
"""

import sys
from pathlib import Path

from pipeline.contradictions import warnings
from pipeline.outputs import new_file
from pipeline.params_file import load_params
from pipeline.stage_runner import run_stage


def check(*, params: Path, out: Path) -> None:
    """Validate the parameters, and print what is allowed but probably not meant.

    Args:
        params: The file to check.
        out: File to write; its content is always the same.

    Raises:
        ParamsError: The file has faults.
    """
    for warning in warnings(load_params(params)):
        sys.stderr.write(f"warning: {warning}\n")
    with new_file(out) as file:
        file.write_text("params.yaml is valid\n")


if __name__ == "__main__":
    run_stage(check)
