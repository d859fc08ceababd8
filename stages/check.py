"""Stage ``check``: refuse a ``params.yaml`` with an error in it before anything else runs.

Every other stage needs its output, directly or not. The output never changes, so an edit of
``params.yaml`` reruns this stage and, beyond it, only the stages whose values changed.
"""

import sys
from pathlib import Path

from pipeline.checking.contradictions import warnings
from pipeline.checking.params_file import load_params
from pipeline.running.outputs import new_file, new_folder
from pipeline.running.stage_runner import run_stage

_RANDOM = """\
Where trainings begin that begin from no other one: experiments with `start: random` depend on
this folder, which never changes, as others depend on the weights that they start from.
"""


def check(*, params: Path, out: Path, random: Path) -> None:
    """Validate the parameters, and print what is allowed but probably not meant.

    Args:
        params: The file to check.
        out: File to write; its content is always the same.
        random: Folder to make, always the same too: where trainings begin that begin with the
            weights of no other one.

    Raises:
        ParamsError: The file has faults.
    """
    for warning in warnings(load_params(params)):
        sys.stderr.write(f"warning: {warning}\n")
    with new_file(out) as file:
        file.write_text("params.yaml is valid\n")
    with new_folder(random) as folder:
        (folder / "README.md").write_text(_RANDOM)


if __name__ == "__main__":
    run_stage(check)
